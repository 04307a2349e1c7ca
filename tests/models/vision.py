"""Models of pictures."""

from __future__ import annotations

from tests.models.entry import Made, entry, floats


def _pytorchcv(name: str, size: int = 224) -> Made:
    from pytorchcv.model_provider import get_model

    return get_model(name, pretrained=False).eval(), (floats(1, 3, size, size),)


@entry("ResNet-18", "pytorchcv")
def resnet() -> Made:
    return _pytorchcv("resnet18")


@entry("DenseNet-121", "pytorchcv")
def densenet() -> Made:
    return _pytorchcv("densenet121")


@entry("MobileNetV2", "pytorchcv")
def mobilenet() -> Made:
    return _pytorchcv("mobilenetv2_w1")


@entry("ShuffleNetV2", "pytorchcv")
def shufflenet() -> Made:
    return _pytorchcv("shufflenetv2_wd2")


@entry("SqueezeNet", "pytorchcv")
def squeezenet() -> Made:
    return _pytorchcv("squeezenet_v1_1")


@entry("EfficientNet-B0", "efficientnet-pytorch", vendor=("efficientnet-pytorch",))
def efficientnet() -> Made:
    from efficientnet_pytorch import EfficientNet

    return EfficientNet.from_name("efficientnet-b0").eval(), (floats(1, 3, 64, 64),)


@entry("ViT", "transformers")
def vit() -> Made:
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=32,
        patch_size=8,
    )
    return ViTModel(config).eval(), (floats(1, 3, 32, 32),)


@entry("CLIP", "transformers")
def clip() -> Made:
    from transformers import CLIPConfig, CLIPModel

    from tests.models.entry import tokens

    small = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    config = CLIPConfig(
        text_config={**small, "vocab_size": 128, "max_position_embeddings": 16, "eos_token_id": 2},
        vision_config={**small, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    return CLIPModel(config).eval(), {
        "input_ids": tokens(128),
        "pixel_values": floats(2, 3, 32, 32),
    }


@entry("a network of one's own around pytorchcv", "pytorchcv")
def own() -> Made:
    from tests.models.own.picture import Classifier

    return Classifier(classes=7).eval(), (floats(1, 3, 64, 64),)
