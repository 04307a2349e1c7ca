"""Draws, scales, filters and codes pictures."""

import hashlib
import io

from PIL import Image, ImageDraw, ImageFilter, ImageFont

MADE_WITH = "C"
DISTRIBUTION = "Pillow"


def exercise() -> object:
    image = Image.new("RGB", (160, 120), "navy")
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 20, 120, 100), fill="orange", outline="white")
    draw.text((5, 5), "sesha", font=ImageFont.load_default(20))
    small = image.filter(ImageFilter.GaussianBlur(2)).resize((64, 48), Image.Resampling.LANCZOS)
    digests = {}
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "TIFF"):
        file = io.BytesIO()
        small.save(file, kind)
        decoded = Image.open(io.BytesIO(file.getvalue())).convert("RGB")
        digests[kind] = hashlib.sha256(decoded.tobytes()).hexdigest()
    return digests
