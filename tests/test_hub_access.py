"""Private and gated data sets, organisations; and no token in anything that is printed, written or raised."""

from __future__ import annotations

import json
import logging
import traceback
from pathlib import Path

import pytest
from _publish import NAME, data_of, hub, outside, released
from huggingface_hub import constants
from minihub import Fault, MiniHub

from dst3d_datasets.cli.diff import opened
from dst3d_datasets.hub.trouble import AccessError, HubError, NotThere

__all__ = ["hub"]

ORG = "lab/data"


def test_an_organisation_takes_it_from_its_members_alone(hub: MiniHub, tmp_path: Path) -> None:
    release = released(tmp_path / "one", models=1)
    hub.orgs = ("lab",)
    release.push_to_hub(ORG, "1.0.0")
    assert set(hub.repos[ORG].tags) == {"v1.0.0"}
    with pytest.raises(AccessError, match="namespace 'others'"):
        release.push_to_hub("others/data", "1.0.0")
    assert "others/data" not in hub.repos


def test_a_private_version_is_there_for_its_owner_alone(
    hub: MiniHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = released(tmp_path / "one", models=2)
    release.push_to_hub(NAME, "1.0.0", private=True)
    hub.outsiders["hf_outsider"] = "ann"
    manifest, open_file = opened(f"{NAME}@v1.0.0")
    assert manifest["version"] == "1.0.0"
    assert open_file("recipe.yaml").read_bytes() == (tmp_path / "one/recipe.yaml").read_bytes()
    for token, kind in (("", AccessError), ("hf_outsider", NotThere), ("hf_nobody", AccessError)):
        monkeypatch.setenv("HF_TOKEN", token)
        monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "0")
        with pytest.raises(kind, match=NAME) as caught:
            opened(f"{NAME}@v1.0.0")
        if kind is AccessError:
            assert f"{hub.url}/datasets/{NAME} may be private" in str(caught.value)
            assert "hf auth login" in str(caught.value)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    assert released(tmp_path / "two", follows=tmp_path / "one", models=3).push_to_hub(NAME, "next").version == "1.1.0"
    assert NAME in hub.private


def test_a_gated_version_names_the_page_where_access_is_asked_for(
    hub: MiniHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released(tmp_path / "one", models=2).push_to_hub(NAME, "1.0.0", gated="manual")
    assert hub.repos[NAME].settings == {"gated": "manual"}
    hub.outsiders["hf_outsider"] = "ann"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "elsewhere"))  # nothing of it on this machine
    for token in ("", "hf_outsider"):
        monkeypatch.setenv("HF_TOKEN", token)
        with pytest.raises(
            AccessError, match=f"gated: ask for access on its page, {hub.url}/datasets/{NAME}, and log in"
        ):
            opened(f"{NAME}@v1.0.0")
    hub.granted.add((NAME, "ann"))
    assert opened(f"{NAME}@v1.0.0")[0]["version"] == "1.0.0"
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    released(tmp_path / "two", follows=tmp_path / "one", models=3).push_to_hub(NAME, "next")
    assert set(hub.repos[NAME].tags) == {"v1.0.0", "v1.1.0"}
    assert NAME in hub.gated


SECRET = "hf_SecretSecretSecretSecretSecret12"


@pytest.mark.parametrize("fault", ["", "401", "403", "500", "reset", "unknown token"])
def test_no_token_gets_anywhere(
    hub: MiniHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    """Not into our logs and the client's, an error, its chain or its traceback's text, nor into a file."""
    caplog.set_level(logging.INFO)  # the HTTP library tells whole heads of answers at DEBUG
    for name in ("dst3d_datasets", "huggingface_hub"):
        caplog.set_level(logging.DEBUG, name)
    hub.tokens = {SECRET}
    monkeypatch.setenv("HF_TOKEN", SECRET if fault != "unknown token" else f"{SECRET}x")
    release = released(tmp_path / "one", models=1)
    if fault.isdecimal():
        hub.faults.append(Fault(r"/commit/", int(fault), {"X-Error-Message": f"no, {SECRET}"}, times=99))
    elif fault == "reset":
        hub.faults.append(Fault(r"/commit/", how="reset", times=99))
    told = ""
    try:
        told = repr(release.push_to_hub(NAME, "1.0.0"))
        assert not fault
    except HubError as error:
        assert fault
        each: BaseException | None = error
        while each is not None:
            told += f"{each} {each!r} {vars(each)} {each.__notes__ if hasattr(each, '__notes__') else ''}"
            each = each.__cause__ or each.__context__
        told += "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format())
    told += caplog.text
    assert SECRET[:20] not in told
    for path in (tmp_path / "one").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()
    if not fault:
        tree = hub.repos[NAME].tree("v1.0.0").values()
        assert all(SECRET.encode() not in (blob.data or hub.lfs[blob.sha256]) for blob in tree)


def test_no_token_is_printed_by_the_verbs(hub: MiniHub, tmp_path: Path) -> None:
    released(tmp_path / "one", models=1)
    cli = ("-m", "dst3d_datasets.cli", "publish", str(tmp_path / "one"), NAME, "--version", "1.0.0", "--no-check")
    for fault in (None, Fault(r"/commit/", 403, times=99)):
        hub.faults = [fault] if fault else []
        for name in list(hub.repos):
            del hub.repos[name]
        done = outside(hub, tmp_path / "home", *cli, "--json", check=False)
        assert done.returncode == (1 if fault else 0)
        assert json.loads(done.stdout)
        assert "hf_test" not in done.stdout + done.stderr
    assert data_of(hub, "main").keys() == {".gitattributes"}
