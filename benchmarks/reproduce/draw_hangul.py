"""Draw all 11,172 modern Hangul syllables from fonts under the SIL Open Font License, with their factors.

    python benchmarks/reproduce/draw_hangul.py OUT_FOLDER [FONT_FOLDER]

The two files that npvae ships (npvae/data/hangul_sans_28.npz, hangul_serif_28.npz) come out, byte for byte. Needs
Pillow (BASIC layout, so no shaping library matters) and Debian's fonts-noto-cjk. One font, one scale and one
origin for a whole file: the union of all glyphs' boxes is fitted into 26 x 26 of 28 x 28 pixels, so a jamo that stands
in the same place on paper stands in the same pixels. Ink is 255. Grey levels are rounded to 16 (0, 17, ..., 255).

Order of rows: initial * 21 * 28 + medial * 28 + final, which is Unicode's: row i is chr(0xAC00 + i).
"""

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE, INNER, BIG = 28, 26, 448  # pixels; drawn 16 times as large, then averaged over 16 x 16 cells
INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
MEDIALS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
FINALS = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
SYLLABLES = [chr(0xAC00 + i) for i in range(19 * 21 * 28)]


def face(path, wanted, size):
    for index in range(16):
        try:
            font = ImageFont.truetype(str(path), size, index=index, layout_engine=ImageFont.Layout.BASIC)
        except OSError:
            break
        if font.getname()[0] == wanted:
            return font
    raise SystemExit(f"{path} has no face {wanted}")


def draw(path, wanted):
    probe = face(path, wanted, 1000)
    boxes = np.array([probe.getbbox(s, anchor="ls") for s in SYLLABLES])
    left, top, right, bottom = boxes[:, 0].min(), boxes[:, 1].min(), boxes[:, 2].max(), boxes[:, 3].max()
    scale = INNER / SIZE * BIG / max(right - left, bottom - top)
    font = face(path, wanted, round(1000 * scale))
    x0 = BIG / 2 - (left + right) / 2 * scale
    y0 = BIG / 2 - (top + bottom) / 2 * scale
    cell = BIG // SIZE
    out = np.empty((len(SYLLABLES), SIZE, SIZE), np.uint8)
    for i, s in enumerate(SYLLABLES):
        picture = Image.new("L", (BIG, BIG))
        ImageDraw.Draw(picture).text((round(x0), round(y0)), s, fill=255, font=font, anchor="ls")
        mean = np.asarray(picture, np.float64).reshape(SIZE, cell, SIZE, cell).mean((1, 3))
        out[i] = np.rint(mean / 17) * 17
    return out


def save(path, **arrays):
    """npz with fixed dates, so that equal arrays give equal bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        for name, a in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(a), allow_pickle=False)
            z.writestr(
                zipfile.ZipInfo(name + ".npy", (1980, 1, 1, 0, 0, 0)), buffer.getvalue(), zipfile.ZIP_DEFLATED, 9
            )


def main(out, fonts="/usr/share/fonts/opentype/noto"):
    out, fonts = Path(out), Path(fonts)
    out.mkdir(parents=True, exist_ok=True)
    i = np.arange(len(SYLLABLES))
    factors = np.stack([i // (21 * 28), i // 28 % 21, i % 28], 1).astype(np.uint8)
    common = np.array([len(s.encode("euc_kr")) == 2 for s in SYLLABLES])  # KS X 1001: 2,350
    # where the vowel stands: 0 right of the initial, 1 below it, 2 both
    place = np.array([1 if m in "ㅗㅛㅜㅠㅡ" else 2 if m in "ㅘㅙㅚㅝㅞㅟㅢ" else 0 for m in MEDIALS], np.uint8)
    layout = place[factors[:, 1]] * 2 + (factors[:, 2] > 0)
    for name, file, wanted in (
        ("sans", "NotoSansCJK-Regular.ttc", "Noto Sans CJK KR"),
        ("serif", "NotoSerifCJK-Regular.ttc", "Noto Serif CJK KR"),
    ):
        x = draw(fonts / file, wanted)
        equal = len(x) - len({picture.tobytes() for picture in x})
        if equal:
            raise SystemExit(f"{name}: {equal} pictures are equal to others")
        save(out / f"hangul_{name}_28.npz", x=x, factors=factors, layout=layout, common=common)
        print(name, x.shape, "mean ink", x.mean() / 255, (out / f"hangul_{name}_28.npz").stat().st_size)


if __name__ == "__main__":
    main(*sys.argv[1:])
