"""Runs a small BERT with weights from a seed, and greedy generation with a GPT-2."""

import torch
from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel

MADE_WITH = "PyO3 (tokenizers), torch"
DISTRIBUTION = "transformers"


def exercise() -> object:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        bert = BertModel(
            BertConfig(
                vocab_size=100,
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=64,
            )
        ).eval()
        gpt = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=50,
                n_positions=32,
                n_embd=32,
                n_layer=2,
                n_head=2,
                bos_token_id=1,
                eos_token_id=2,
            )
        ).eval()
    tokens = torch.arange(10).reshape(1, 10)
    with torch.inference_mode():
        hidden = bert(tokens).last_hidden_state
        generated = gpt.generate(tokens, max_new_tokens=8, do_sample=False, pad_token_id=0)
    return [round(x, 3) for x in hidden[0, :, 0].tolist()], generated.tolist()
