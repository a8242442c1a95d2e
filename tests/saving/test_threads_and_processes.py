"""One picture, many savers: no label is lost (Pillow keeps the arguments of a save on the image)."""

from __future__ import annotations

import io
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from aigc_hooks import Provider, label, read_label


def test_sixteen_threads_save_one_image(labelled, tmp_path: Path):
    wanted = read_label(labelled).label
    forms = [("PNG", {"compress_level": 1}), ("JPEG", {"quality": 80}), ("WEBP", {"quality": 50, "method": 0})]

    def save(number: int) -> None:
        form, arguments = forms[number % 3]
        if number % 2:
            target = io.BytesIO()
            labelled.save(target, form, **arguments)
            data = target.getvalue()
        else:
            path = tmp_path / f"{number}.{form.lower()}"
            labelled.save(path, **arguments)
            data = path.read_bytes()
        found = read_label(data)
        assert found.conforms
        assert found.label == wanted
        assert found.carrier.upper().startswith(form)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(save, range(960)))
    assert len(list(tmp_path.iterdir())) == 480


def test_threads_label_and_save_their_own(provider, tmp_path: Path):
    def work(number: int) -> str:
        image = label(Image.new("RGB", (90 + number, 90), (number, 0, 0)), provider=provider)
        image.save(tmp_path / f"{number}.png")
        return read_label(tmp_path / f"{number}.png").label.produce_id

    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(work, range(160)))
    assert len(set(ids)) == 160


def test_threads_overwrite_one_file(labelled, tmp_path: Path):
    path = tmp_path / "one.png"

    def save(_: int) -> bool:
        labelled.save(path)
        return read_label(path).conforms

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(save, range(64)))
    assert len(list(tmp_path.iterdir())) == 1


FRESH = """
import pickle, sys
image = pickle.loads(sys.stdin.buffer.read())
image.resize((80, 60)).save(sys.argv[1])
"""


def test_a_process_that_has_never_heard_of_labels(labelled, field, tmp_path: Path, one_label):
    path = tmp_path / "out.webp"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FRESH, str(path)],
        input=pickle.dumps(labelled),
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert one_label(path) == field(labelled)


def _save(job: tuple[Image.Image, str]) -> str:
    image, path = job
    image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    return str(read_label(path).label.produce_id)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_pools(method, labelled, tmp_path: Path):
    jobs = [(labelled, str(tmp_path / f"{number}.png")) for number in range(4)]
    with multiprocessing.get_context(method).Pool(2) as pool:
        ids = pool.map(_save, jobs)
    assert set(ids) == {labelled.info["AIGC"].label.produce_id}


def _label_one(number: int) -> str:
    image = label(Image.new("L", (64, 64), number), provider=Provider(producer="acme"))
    return str(image.info["AIGC"].label.produce_id)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_ids_differ_between_processes(method, labelled):
    with multiprocessing.get_context(method).Pool(2) as pool:
        ids = pool.map(_label_one, range(40))
    assert len({*ids, labelled.info["AIGC"].label.produce_id}) == 41
