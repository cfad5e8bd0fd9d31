"""Every call of tamis in docs/operations.md and deploy/README.md names commands and flags that there are.

    operations.py
"""

import re

from findings import DEPLOY, OPERATIONS, check, check_call, end, help_of


def command_of(words):
    """The words that name a command, such as `token new`; none of those that are left is one."""
    command, text = "", help_of("")
    for word in words:
        if not re.search(rf"^  {re.escape(word)}\s", text.partition("Commands:")[2].partition("Options:")[0], re.M):
            break
        command = f"{command} {word}".strip()
        text = help_of(command)
    return command


def calls(text):
    """What follows `tamis` in code."""
    code = re.findall(r"`tamis ([^`]+)`", text)
    for line in re.findall(r"^    (.*)$", text, re.M):
        code += re.findall(r"(?:^|\$ )tamis (.+?)(?:\s+#.*)?$", line)
    return [call.split() for call in code]


def main():
    count = 0
    for path in (OPERATIONS, DEPLOY / "README.md"):
        for words in calls(path.read_text()):
            command = command_of(words)
            check(command, f"{path.name}: there is no `tamis {' '.join(words)}`")
            if command:
                check_call(path.name, [command, *words], ())
                count += 1
    end(f"docs/operations.md: {count} calls of tamis")


if __name__ == "__main__":
    main()
