"""Trains tokenizer.json, a byte-level BPE of 4,000 tokens, on the texts below data/.

    pip install tokenizers==0.23.*
    python3 train_tokenizer.py

A real job names the tokenizer of the model that is to be trained; this one is small so that it can stand in the
repository.
"""

import csv
import gzip
import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = Path(__file__).parent
# As in current models: letters in one piece, digits in threes, line ends apart.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def texts():
    for path in sorted((HERE / "data").rglob("*")):
        if path.suffix in (".jsonl", ".gz"):
            data = path.read_bytes()
            lines = (gzip.decompress(data) if path.suffix == ".gz" else data).decode().splitlines()
            for line in lines:
                try:
                    yield json.loads(line)["text"]
                except json.JSONDecodeError:
                    continue
        elif path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                yield from (row["text"] for row in csv.DictReader(file))
        elif path.suffix == ".txt":
            yield from path.read_text(encoding="utf-8").split("\n\n")


def main():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4_000,
        min_frequency=2,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=9,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    tokenizer.save(str(HERE / "tokenizer.json"), pretty=False)
    print(f"tokenizer.json: {tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    main()
