"""Trains a byte-pair encoding and uses it on its thread pool."""

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

MADE_WITH = "PyO3"
DISTRIBUTION = "tokenizers"


def exercise() -> object:
    lines = [f"a thousand heads hold the world, number {k} of them" for k in range(50)]
    tokenizer = Tokenizer(models.BPE(unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(vocab_size=120, special_tokens=["?"], show_progress=False)
    tokenizer.train_from_iterator(lines, trainer)
    encodings = tokenizer.encode_batch(lines[:20])
    restored = Tokenizer.from_str(tokenizer.to_str())
    return [e.ids for e in encodings], restored.encode("hold the heads").tokens
