"""The digits that the model learned from, and the form that it wants them in.

The data is scikit-learn's load_digits: 1,797 digits of 8x8 pixels written by 13 people (E. Alpaydin and C. Kaynak, "Optical Recognition of
Handwritten Digits", UCI Machine Learning Repository, CC BY 4.0). The last fifth, in the order of the data set, is held out.
"""
import numpy as np
from PIL import Image
from scipy import ndimage
from sklearn.datasets import load_digits

CANVAS = 56        # pixels a side of a drawing, before it is cropped and brought to the model's 28
BOX = 20           # the digit's longer side in the model's input, as in image.ts
SIDE = 28
INK_MIN = 0.3      # what counts as ink when the box is measured, as in image.ts


def read_digits():
    """Digits with values from 0 to 1, their labels, and which of them are held out."""
    data = load_digits()
    digits = data.images / 16
    return digits, data.target, np.arange(len(digits)) >= len(digits) * 4 // 5


def draw(digit, angle=0.0, scale=(1.0, 1.0), shear=0.0, shift=(0.0, 0.0), wobble=None):
    """An 8x8 digit as a CANVAS x CANVAS drawing with values from 0 to 1: cubic interpolation through an affine map."""
    rows, columns = np.mgrid[0:CANVAS, 0:CANVAS].astype(np.float64)
    y = (rows - (CANVAS - 1) / 2) / (CANVAS / 12) - shift[0]
    x = (columns - (CANVAS - 1) / 2) / (CANVAS / 12) - shift[1]
    if wobble is not None:
        y, x = y + wobble[0], x + wobble[1]
    cos, sin = np.cos(angle), np.sin(angle)
    y, x = (cos * y - sin * x) / scale[0], (sin * y + cos * x + shear * y) / scale[1]
    return np.clip(ndimage.map_coordinates(np.pad(digit, 4), [y + 7.5, x + 7.5], order=3, mode='constant'), 0, 1)


def normalise(drawing):
    """What image.ts does: scale to full contrast, crop to the ink, longer side to BOX, centre in SIDE x SIDE."""
    drawing = drawing - np.median(np.concatenate([drawing[0], drawing[-1], drawing[:, 0], drawing[:, -1]]))
    drawing = np.clip(drawing / max(drawing.max(), 1e-6), 0, 1)
    rows, columns = np.where(drawing.max(1) > INK_MIN)[0], np.where(drawing.max(0) > INK_MIN)[0]
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    longer = max(bottom - top, right - left)
    height, width = max(1, round(BOX * (bottom - top) / longer)), max(1, round(BOX * (right - left) / longer))
    cropped = Image.fromarray(drawing.astype(np.float32)).resize((width, height), Image.BILINEAR, box=(left, top, right, bottom))
    out = np.zeros((SIDE, SIDE), np.float32)
    y, x = (SIDE - height) // 2, (SIDE - width) // 2
    out[y:y + height, x:x + width] = np.asarray(cropped)
    return out
