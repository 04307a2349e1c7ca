"""Models of text: transformers, x-transformers, sentence-transformers and their kin."""

from __future__ import annotations

from typing import Any

import torch

from tests.models.entry import Made, entry, floats, tokens

SMALL: dict[str, Any] = {
    "vocab_size": 128,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}


@entry("BERT", "transformers")
def bert() -> Made:
    from transformers import BertConfig, BertModel

    return BertModel(BertConfig(**SMALL)).eval(), {"input_ids": tokens(128)}


@entry("RoBERTa, classification", "transformers")
def roberta() -> Made:
    from transformers import RobertaConfig, RobertaForSequenceClassification

    model = RobertaForSequenceClassification(RobertaConfig(**SMALL, max_position_embeddings=40))
    return model.eval(), {"input_ids": tokens(128)}


@entry("DistilBERT, questions", "transformers")
def distilbert() -> Made:
    from transformers import DistilBertConfig, DistilBertForQuestionAnswering

    config = DistilBertConfig(vocab_size=128, dim=32, n_layers=2, n_heads=2, hidden_dim=64)
    return DistilBertForQuestionAnswering(config).eval(), {"input_ids": tokens(128)}


@entry("GPT-2", "transformers")
def gpt2() -> Made:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=128, n_embd=32, n_layer=2, n_head=2, n_positions=32)
    return GPT2LMHeadModel(config).eval(), {"input_ids": tokens(128), "use_cache": False}


@entry("Llama", "transformers")
def llama() -> Made:
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(LlamaConfig(**SMALL, num_key_value_heads=1))
    return model.eval(), {"input_ids": tokens(128), "use_cache": False}


@entry("Mistral", "transformers")
def mistral() -> Made:
    from transformers import MistralConfig, MistralModel

    model = MistralModel(MistralConfig(**SMALL, num_key_value_heads=2))
    return model.eval(), {"input_ids": tokens(128), "use_cache": False}


@entry("Mixtral, experts", "transformers")
def mixtral() -> Made:
    from transformers import MixtralConfig, MixtralModel

    model = MixtralModel(MixtralConfig(**SMALL, num_key_value_heads=1, num_local_experts=2))
    return model.eval(), {"input_ids": tokens(128), "use_cache": False}


@entry("T5, encoder and decoder", "transformers")
def t5() -> Made:
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(vocab_size=128, d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2)
    inputs = {"input_ids": tokens(128), "decoder_input_ids": tokens(128, 5), "use_cache": False}
    return T5ForConditionalGeneration(config).eval(), inputs


@entry("sentence embedding", "sentence-transformers")
def sentence() -> Made:
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
    from transformers import BertConfig, BertModel

    from tests.models.own.sentences import Embedder

    model = Embedder(BertModel(BertConfig(**SMALL)), Pooling(32), Normalize())
    return model.eval(), (tokens(128), torch.ones(2, 12))


@entry("decoder with rotary positions", "x-transformers", vendor=("x-transformers",))
def x_decoder() -> Made:
    from x_transformers import Decoder, TransformerWrapper

    layers = Decoder(dim=32, depth=2, heads=2, rotary_pos_emb=True, attn_dim_head=16)
    model = TransformerWrapper(num_tokens=128, max_seq_len=32, attn_layers=layers)
    return model.eval(), (tokens(128),)


@entry("vision encoder", "x-transformers")
def x_vision() -> Made:
    from x_transformers import Encoder, ViTransformerWrapper

    layers = Encoder(dim=32, depth=2, heads=2, attn_dim_head=16)
    model = ViTransformerWrapper(image_size=32, patch_size=8, num_classes=5, attn_layers=layers)
    return model.eval(), (floats(1, 3, 32, 32),)


@entry("Reformer", "reformer-pytorch")
def reformer() -> Made:
    from reformer_pytorch import ReformerLM

    model = ReformerLM(
        num_tokens=128, dim=32, depth=2, max_seq_len=64, heads=2, bucket_size=8, causal=True
    )
    return model.eval(), (tokens(128, 64),)


@entry("Performer", "performer-pytorch")
def performer() -> Made:
    from performer_pytorch import PerformerLM

    model = PerformerLM(
        num_tokens=128, max_seq_len=64, dim=32, depth=2, heads=2, dim_head=16, causal=False
    )
    return model.eval(), (tokens(128, 64),)


@entry("linear attention", "linear-attention-transformer")
def linear_attention() -> Made:
    from linear_attention_transformer import LinearAttentionTransformerLM

    model = LinearAttentionTransformerLM(
        num_tokens=128, dim=32, heads=2, depth=2, max_seq_len=64, causal=False
    )
    return model.eval(), (tokens(128, 64),)


@entry("Perceiver IO", "perceiver-pytorch", vendor=("perceiver-pytorch",))
def perceiver() -> Made:
    from perceiver_pytorch import PerceiverIO

    model = PerceiverIO(
        dim=16, queries_dim=16, logits_dim=8, depth=2, num_latents=8, latent_dim=32, latent_heads=2
    )
    return model.eval(), (floats(1, 20, 16),)
