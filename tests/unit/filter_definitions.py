"""What filters compute, written in another way, and the pictures on which that is compared."""

import numpy as np
import PIL.Image
import pyvips

from filterfleet.worker.pixels.opencv import cv2

HEIGHT, WIDTH = 45, 70


def picture(dtype, channels):
    """Smooth areas, noise and hard edges."""
    random = np.random.default_rng(channels)
    top = np.iinfo(dtype).max
    image = cv2.GaussianBlur(random.random((HEIGHT, WIDTH, channels)), (0, 0), 4).reshape(HEIGHT, WIDTH, channels)
    image = (image - image.min()) / np.ptp(image)
    image[10:30, 20:40] = 1 - image[10:30, 20:40]
    image = np.rint(np.clip(image + random.normal(0, 0.02, image.shape), 0, 1) * top).astype(dtype)
    return np.ascontiguousarray(image[:, :, 0]) if channels == 1 else image


IMAGES = {
    f"{name} {bits}": picture(dtype, channels)
    for name, channels in (("gray", 1), ("gray+alpha", 2), ("BGR", 3), ("BGRA", 4))
    for bits, dtype in ((8, np.uint8), (16, np.uint16))
}


def small_png(height, width, channels=4):
    noise = np.random.default_rng(5).integers(0, 256, (height, width, channels), np.uint8)
    return cv2.imencode(".png", noise)[1].tobytes()


# --- the computations ---------------------------------------------------------------------------------------------


def top_of(image):
    return np.iinfo(image.dtype).max


def as_levels(values, like):
    return np.rint(np.clip(values, 0, top_of(like))).astype(like.dtype)


def neighbours(image, rows, columns, **pad):
    """(h, w, [c,] rows, columns) of float64."""
    edges = [(rows // 2, rows // 2), (columns // 2, columns // 2)] + [(0, 0)] * (image.ndim - 2)
    padded = np.pad(image.astype(np.float64), edges, **(pad or {"mode": "reflect"}))
    return np.lib.stride_tricks.sliding_window_view(padded, (rows, columns), axis=(0, 1))


def weighted(image, kernel):
    kernel = np.array(kernel, np.float64)
    return (neighbours(image, *kernel.shape) * kernel).sum(axis=(-2, -1))


def length_of_gradient(image, kernel):
    kernel = np.array(kernel)
    return as_levels(np.hypot(weighted(image, kernel), weighted(image, kernel.T)), image)


def extreme(image, operation, size):
    outside = {"constant_values": 0 if operation is np.max else top_of(image), "mode": "constant"}
    return operation(neighbours(image, size, size, **outside), axis=(-2, -1)).astype(image.dtype)


def luma(image):
    return image @ [0.114, 0.587, 0.299]


def on_luma(image, change):
    if image.ndim == 2:
        return change(image)
    parts = cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)
    parts[:, :, 0] = change(np.ascontiguousarray(parts[:, :, 0]))
    return cv2.cvtColor(parts, cv2.COLOR_YCrCb2BGR)


def saturated(image, factor):
    if image.ndim == 2:
        return image
    gray = luma(image)[:, :, None]
    return as_levels(gray + factor * (image - gray), image)


def toned(image):
    b, g, r = (image[:, :, n].astype(float) if image.ndim == 3 else image.astype(float) for n in range(3))
    red, green, blue = 0.393 * r + 0.769 * g + 0.189 * b, 0.349 * r + 0.686 * g + 0.168 * b, 0.272 * r + 0.534 * g
    return as_levels(np.dstack([blue + 0.131 * b, green, red]), image)


def blocks(image, size):
    result = image.copy()
    for y in range(0, HEIGHT, size):
        for x in range(0, WIDTH, size):
            block = image[y : y + size, x : x + size].astype(np.float64)
            result[y : y + size, x : x + size] = np.floor(block.mean(axis=(0, 1)) + 0.5)
    return result


def lanczos(image, width, height):
    """As Pillow does it, which takes one channel in float32 at a time. It is clipped after each direction."""

    def resized(plane, size):
        made = PIL.Image.fromarray(plane).resize(size, PIL.Image.Resampling.LANCZOS)
        return np.clip(np.asarray(made), 0, top_of(image))

    planes = np.moveaxis(np.atleast_3d(image.astype(np.float32)), 2, 0)
    made = [resized(resized(plane, (width, image.shape[0])), (width, height)) for plane in planes]
    return as_levels(np.dstack(made).squeeze(), image)


def equalized_in_tiles(image, clip=3, tiles=4):
    """Gray of 8 bits as OpenCV has it. Else, each channel changes by as much as the luma, which is not rounded."""
    if image.ndim == 2 and image.dtype == np.uint8:
        return cv2.createCLAHE(clip, (tiles, tiles)).apply(image)
    deep = image.astype(np.uint16) * (65535 // top_of(image))
    light = (deep if image.ndim == 2 else cv2.cvtColor(deep, cv2.COLOR_BGR2GRAY)) / 257
    change = (between_tiles(light, clip, tiles) - light) * (top_of(image) / 255)
    return as_levels(image + change.reshape(*light.shape, *[1] * (image.ndim - 2)), image)


def between_tiles(light, clip, tiles):
    """Zuiderveld's steps for levels of 0 to 255 and what lies between them."""
    sides = [-(-length // tiles) for length in light.shape]
    beyond = [(0, side * tiles - length) for side, length in zip(sides, light.shape, strict=True)]
    padded = np.pad(np.rint(light).astype(int), beyond, mode="reflect")
    shares = [
        np.clip(1 - np.abs(np.clip(np.arange(length) / side - 0.5, 0, tiles - 1)[:, None] - np.arange(tiles)), 0, 1)
        for length, side in zip(light.shape, sides, strict=True)
    ]
    result = np.zeros(light.shape)
    for row in range(tiles):
        for column in range(tiles):
            tile = padded[row * sides[0] : (row + 1) * sides[0], column * sides[1] : (column + 1) * sides[1]]
            new = np.interp(light, np.arange(256), clipped_sums(tile, clip))
            result += new * np.outer(shares[0][:, row], shares[1][:, column])
    return result


def clipped_sums(tile, clip):
    """The new level of each level: a histogram without what exceeds a limit, which all levels get instead, added up."""
    counts = np.bincount(tile.ravel(), minlength=256)
    limit = max(int(clip * tile.size / 256), 1)
    each, rest = divmod(np.maximum(counts - limit, 0).sum(), 256)
    counts = np.minimum(counts, limit) + each
    if rest:
        counts[np.arange(rest) * (256 // rest)] += 1
    return np.cumsum(counts) * 255 / tile.size


def soft(image, sigma):
    """A Gaussian blur whose kernel reaches four sigma to each side."""
    reach = round(4 * sigma)
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    return weighted(image, np.outer(weights, weights) / weights.sum() ** 2)


def above_its_mean(image, size, offset):
    """Which samples exceed the Gaussian mean of their neighbourhood less the offset."""
    kernel = cv2.getGaussianKernel(size, 0)
    means = (neighbours(image, size, size, mode="edge") * (kernel @ kernel.T)).sum(axis=(-2, -1))
    return np.where(image > np.rint(means * 256) / 256 - offset, 255, 0)


def framed(image):
    top = top_of(image)
    levels = np.array(
        {2: [128 * top // 255, top], 4: [128 * top // 255] * 3 + [top]}.get(
            image.ndim == 3 and image.shape[2], 128 * top // 255
        )
    )
    frame = np.broadcast_to(levels, (60, 90, *image.shape[2:])).astype(image.dtype)
    frame[:HEIGHT, 10 : 10 + WIDTH] = image
    return frame


def by_channel(image, change):
    planes = np.moveaxis(np.atleast_3d(image), 2, 0)
    return np.dstack([change(plane) for plane in planes]).reshape(image.shape)


def between(samples, low, high):
    """The samples at two percentiles, themselves among the samples."""
    return np.percentile(samples, [low, high], method="inverted_cdf").astype(np.float64)


def auto_levels(image):
    def spread(plane):
        black, white = between(plane, 2, 98)
        return as_levels((plane - black) / (white - black) * top_of(image), image)

    return by_channel(image, spread)


def stretched(image):
    black, white = between(image, 5, 90)
    levels = np.clip((image - black) / (white - black), 0, 1)
    return as_levels(np.arcsinh(levels * 10) / np.arcsinh(10) * top_of(image), image)


def gray_world(image):
    if image.ndim == 2:
        return image
    means = image.mean(axis=(0, 1))
    return as_levels(image * (means.mean() / means), image)


def matched(image):
    """Each level becomes the one up to which as many samples of the picture lie."""
    picture = cv2.imdecode(np.frombuffer(small_png(40, 60, 3), np.uint8), cv2.IMREAD_COLOR)
    picture = picture if image.ndim == 3 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    picture = picture.astype(image.dtype) * (top_of(image) // 255)
    pairs = zip(*(np.moveaxis(np.atleast_3d(each), 2, 0) for each in (image, picture)), strict=True)
    return as_levels(np.dstack([as_distributed(*pair) for pair in pairs]).reshape(image.shape), image)


def as_distributed(plane, picture):
    shares = np.searchsorted(np.sort(plane.ravel()), plane, side="right") / plane.size
    levels, counts = np.unique(picture, return_counts=True)
    return np.interp(shares, np.cumsum(counts) / picture.size, levels)


def mixed(image):
    red, green, blue = (image[:, :, n].astype(float) if image.ndim == 3 else image.astype(float) for n in (2, 1, 0))
    return as_levels(np.dstack([blue - 0.5 * red, green, 0.5 * red + 0.25 * blue]), image)


def laid_over(image, paper):
    if image.ndim == 2 or image.shape[2] == 3:
        return image
    levels = np.array(paper) * (top_of(image) // 255)
    cover = image[:, :, -1:] / top_of(image)
    return as_levels(image[:, :, :-1] * cover + levels * (1 - cover), image)


def dithered(image):
    """Two dots beside each other never have the same threshold."""
    thresholds = np.zeros((8, 8))
    for bit in range(3):
        y, x = (np.arange(8) >> bit) & 1, (np.arange(8) >> bit) & 1
        thresholds += np.array([[0, 2], [3, 1]])[np.ix_(y, x)] * 4 ** (2 - bit)
    tiled = np.tile((thresholds + 0.5) / 64 * 255, (HEIGHT // 8 + 1, WIDTH // 8 + 1))[:HEIGHT, :WIDTH]
    return np.where(image >= tiled, 255, 0)


def despeckled(image):
    clean = np.median(neighbours(image, 5, 5, mode="edge"), axis=(-2, -1))
    far = np.abs(image - clean) > 20 * top_of(image) / 255
    return np.where(far if image.ndim == 2 else far.any(axis=2, keepdims=True), clean, image).astype(image.dtype)


def without_border(image):
    """Without the rows and columns that are like the colour #909090, in each channel, within 40 levels of 255."""
    samples = np.atleast_3d(image).astype(float) * 255 / top_of(image)
    far = np.abs(samples[:, :, : 1 if samples.shape[2] < 3 else 3] - 0x90).max(axis=2) > 40
    (down,), (across,) = np.nonzero(far.any(axis=1)), np.nonzero(far.any(axis=0))
    return image[down[0] : down[-1] + 1, across[0] : across[-1] + 1]


def most_interesting(image, width, height, by):
    """As libvips finds it at 8 bits, without transparency."""
    samples = np.atleast_3d(image if image.dtype == np.uint8 else np.rint(image / 257).astype(np.uint8))
    samples = np.ascontiguousarray(samples[:, :, 2::-1] if samples.shape[2] > 2 else samples[:, :, :1])
    kind = "srgb" if samples.shape[2] == 3 else "b-w"
    found = pyvips.Image.new_from_array(samples).copy(interpretation=kind).smartcrop(width, height, interesting=by)
    return image[-found.yoffset : height - found.yoffset, -found.xoffset : width - found.xoffset]


def boxed(image):
    small = cv2.resize(image, (40, 26), None, 0, 0, cv2.INTER_AREA)
    result = np.full((40, 40, *small.shape[2:]), top_of(image), image.dtype)
    result[7:33] = small
    return result


def by_lightness(image):
    """Gray with the luminance of sRGB under the white of ICC profiles, D50, and with the tone curve of sRGB."""
    if image.ndim == 2:
        return image
    levels = image[:, :, ::-1] / top_of(image)
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    light = linear @ [0.22249, 0.71690, 0.06061]
    gray = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return as_levels(gray * top_of(image), image)


SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
SCHARR = np.array([[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]]) / 16
LAPLACE = np.array([[2, 0, 2], [0, -8, 0], [2, 0, 2]]) / 8
RELIEF = [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]
USERS = ((0.5, -1, 3), (0, 2, 0), (1, 1, -2.5))
TRIANGLE = np.outer(*2 * [[1, 2, 3, 2, 1]]) / 81
