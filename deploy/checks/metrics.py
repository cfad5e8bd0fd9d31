"""Alerts, dashboard and docs/operations.md name the same metrics, labels and values; and those that a cluster really has.

    metrics.py                                    alerts, their tests, dashboard and docs against each other
    metrics.py --rules                            each expression of the dashboard as a rule, for promtool
    metrics.py coordinator=SCRAPE worker=SCRAPE   docs against /metrics of a coordinator and a worker that have done a job
"""

import json
import re
import sys

import yaml
from prometheus_client.parser import text_string_to_metric_families

from findings import DEPLOY, OPERATIONS, check, end

# Labels that Prometheus adds, and metrics of its own.
OWN_LABELS = {"job", "instance", "le", "alertname", "alertstate"}
OWN_METRICS = {"up": set(), "ALERTS": set()}
# What Grafana puts into an expression.
VARIABLES = {"$__rate_interval": "5m", "$coordinator": ".*"}
WORDS = {"by", "on", "without", "ignoring", "and", "or", "unless", "group_left", "group_right", "bool", "offset"}


def documented():
    """The tables of metrics by whose they are: {"coordinator": {name: (type, {label: values or None})}}."""
    tables, whose = {}, None
    for line in OPERATIONS.read_text().splitlines():
        if heading := re.match(r"Of (?:the |a )?(\w+):$", line):
            whose = heading[1]
        if row := re.match(r"\| `((?:tamis|process)_\w+)` \| (\w+) \| (.*?) ?\| ", line):
            labels = {}
            for part in filter(None, row[3].replace("`, `", "`,`").split("; ")):
                # `a`: `x`,`y` is a label with its values; `a`,`b` are labels with any.
                names, _, values = part.partition(": ")
                allowed = set(re.findall(r"`(.*?)`", values)) or None
                labels |= dict.fromkeys(re.findall(r"`(.*?)`", names), allowed)
            tables.setdefault(whose, {})[row[1]] = (row[2], labels)
    return tables


def base_of(name, metrics):
    """The metric of a series: a histogram has three kinds of series."""
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    return base if metrics.get(base, ("",))[0] == "histogram" else name


def check_expression(where, expression, metrics):
    """Checks names, labels and values of an expression. The labels that its result may have."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", bare)
    grouped = re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", bare)
    bare = re.sub(r"\b(?:by|on|without|ignoring)\s*\([^)]*\)", "", bare)
    names = {name for name in re.findall(r"[a-zA-Z_]\w*(?!\w*\s*\()", bare) if name not in WORDS}
    result = set(OWN_LABELS)
    for name in names:
        base = base_of(name, metrics)
        known = base in metrics or base in OWN_METRICS
        check(known, f"{where}: docs/operations.md has no metric {name}")
        if not known:
            continue
        labels = metrics[base][1] if base in metrics else {}
        result |= labels.keys()
        for matchers in re.findall(rf"\b{name}\{{([^}}]*)\}}", expression):
            for label, operator, value in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', matchers):
                check(label in labels or label in OWN_LABELS, f"{where}: {name} has no label {label}")
                allowed = labels.get(label)
                literal = set(value.split("|")) if re.fullmatch(r"[\w|]+", value) else set()
                check(not allowed or literal <= allowed, f"{where}: {label} of {name} is never {value}")
    kept = {label.strip() for group in grouped for label in group.split(",")}
    check(kept <= result, f"{where}: no metric has the label {sorted(kept - result)}")
    return result & kept if grouped else result


def alerts():
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def check_alerts(metrics):
    rules = alerts()
    docs = OPERATIONS.read_text()
    headings = re.findall(r"^### (Tamis\w+)$", docs, re.M)
    check(sorted(headings) == sorted(rules), f"alerts and headings differ: {sorted(set(headings) ^ set(rules))}")
    for name, rule in rules.items():
        where = f"alerts.yaml: {name}"
        kept = check_expression(where, rule["expr"], metrics)
        for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
            check(label in kept, f"{where}: its result has no label {label}")
        check(rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}", f"{where}: runbook names another")
        check(rule["labels"]["severity"] in ("critical", "warning"), f"{where}: severity")
        section = docs.partition(f"### {name}\n")[2].partition("\n### ")[0]
        for part in ("Means", "Look", "Do"):
            check(f"* **{part}**:" in section, f"docs/operations.md: {name} does not say {part}")
    tests = yaml.safe_load((DEPLOY / "prometheus" / "alerts.test.yaml").read_text())["tests"]
    outcomes = {(case["alertname"], bool(case.get("exp_alerts"))) for test in tests for case in test["alert_rule_test"]}
    for name in rules:
        check((name, True) in outcomes, f"alerts.test.yaml: {name} never fires")
        check((name, False) in outcomes, f"alerts.test.yaml: {name} always fires")
    for test in tests:
        for entry in test["input_series"]:
            check_expression(f"alerts.test.yaml: {test['name']}", entry["series"], metrics)
    return rules


def dashboard():
    return json.loads((DEPLOY / "grafana" / "tamis.json").read_text())


def expressions(board):
    """Place and expression of every query of the dashboard."""
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"], target["legendFormat"]
    for annotation in board["annotations"]["list"]:
        yield annotation["name"], annotation["expr"], ""


def without_variables(expression):
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def check_dashboard(metrics):
    board = dashboard()
    shown = set()
    for title, expression, legend in expressions(board):
        where = f"tamis.json: {title}"
        expression = without_variables(expression)
        check("$" not in expression, f"{where}: unknown variable in {expression}")
        kept = check_expression(where, expression, metrics)
        for label in re.findall(r"\{\{(\w+)\}\}", legend):
            check(label in kept, f"{where}: the legend names {label}, which the result has not")
        shown |= {name for name in metrics if re.search(rf"\b{name}(_bucket)?\b", expression)}
    check(shown == metrics.keys(), f"tamis.json shows nothing of {sorted(metrics.keys() - shown)}")
    panels = board["panels"]
    check(len({panel["id"] for panel in panels}) == len(panels), "tamis.json: an id stands twice")
    cells = set()
    for panel in panels:
        place = panel["gridPos"]
        right, bottom = place["x"] + place["w"], place["y"] + place["h"]
        own = {(x, y) for x in range(place["x"], right) for y in range(place["y"], bottom)}
        check(not own & cells and right <= 24, f"tamis.json: {panel['title']} overlaps")
        cells |= own
        source = panel.get("datasource", {}).get("uid")
        check(panel["type"] == "row" or source == "${datasource}", f"tamis.json: {panel['title']} names a data source")


def rules_of_dashboard():
    """The dashboard's expressions as rules that promtool can check."""
    rules = [
        {"record": f"panel:{number}", "expr": without_variables(expression)}
        for number, (_, expression, _) in enumerate(expressions(dashboard()))
    ]
    return yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]})


def check_scrape(whose, path, tables):
    """Checks one /metrics: every documented metric is there, and nothing else."""
    metrics = {**tables[whose], **tables["both"]}
    found = {}
    for family in text_string_to_metric_families(open(path).read()):
        for sample in family.samples:
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = found.setdefault(name, (family.type, {}))[1]
            for label, value in sample.labels.items():
                if label != "le":
                    labels.setdefault(label, set()).add(value)
    for name in metrics.keys() - found.keys():
        check(False, f"{path}: a {whose} has no {name}, which docs/operations.md names")
    for name, (kind, labels) in found.items():
        if name not in metrics:
            check(name.startswith("process_"), f"{path}: docs/operations.md does not name {name} of a {whose}")
            continue
        wanted_kind, wanted = metrics[name]
        check(kind == wanted_kind, f"{path}: {name} is a {kind}, docs/operations.md says {wanted_kind}")
        same = labels.keys() == wanted.keys()
        check(same, f"{path}: {name} has the labels {sorted(labels)}, documented are {sorted(wanted)}")
        for label, values in labels.items():
            strange = sorted(values - (wanted.get(label) or values))
            check(not strange, f"{path}: values of {label} of {name} are not documented: {strange}")


def main():
    tables = documented()
    metrics = {name: entry for table in tables.values() for name, entry in table.items()}
    if sys.argv[1:] == ["--rules"]:
        print(rules_of_dashboard(), end="")
        return
    for argument in sys.argv[1:]:
        whose, _, path = argument.partition("=")
        check_scrape(whose, path, tables)
    if sys.argv[1:]:
        end(f"metrics: {len(metrics)} documented, as {' and '.join(sys.argv[1:])} have them")
        return
    rules = check_alerts(metrics)
    check_dashboard(metrics)
    end(f"metrics: {len(metrics)} documented, {len(rules)} alerts, {sum(1 for _ in expressions(dashboard()))} queries")


if __name__ == "__main__":
    main()
