"""Options from four sources, the later over the earlier; what cannot be used is refused by name."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from vsm_server import config
from vsm_server.config import HIDDEN, OPTIONS, Address, Config, ConfigInvalid, Option, Setting, add_options, read_config, read_settings
from vsm_server.security.certificates import CertificateFiles

NAMES = [option.name for option in OPTIONS]


def arguments(*words: str) -> dict[str, str | None]:
    parser = argparse.ArgumentParser()
    add_options(parser, NAMES)
    return vars(parser.parse_args(words))


def test_defaults_are_the_fixed_interface() -> None:
    """Without any source the server listens where the start-up interface says."""
    found = read_config(arguments(), {})
    assert found == Config()
    assert (str(found.data_dir), str(found.listen), str(found.http)) == ("data", "127.0.0.1:50051", "127.0.0.1:4000")
    assert (found.durability, found.in_memory, found.insecure) == ("full", False, False)


def test_later_sources_win(tmp_path: Path) -> None:
    """File over default, environment over file, command line over environment."""
    file = tmp_path / "vsm.toml"
    file.write_text('data_dir = "from-file"\nlisten = "127.0.0.1:1"\nhttp = "127.0.0.1:1"\nin_memory = true\ndrain_grace_s = 2\n')
    environment = {"VSM_CONFIG": str(file), "VSM_LISTEN": "127.0.0.1:2", "VSM_HTTP": "127.0.0.1:2", "VSM_UNKNOWN": "ignored"}
    found = read_config(arguments("--http", "127.0.0.1:3"), environment)
    assert (str(found.data_dir), found.listen.port, found.http.port) == ("from-file", 2, 3)
    assert (found.in_memory, found.drain_grace_s) == (True, 2.0)


def test_config_file_of_the_command_line_wins(tmp_path: Path) -> None:
    """--config names the file even where VSM_CONFIG names another."""
    for name in ("a", "b"):
        (tmp_path / name).write_text(f'data_dir = "{name}"')
    found = read_config(arguments("--config", str(tmp_path / "a")), {"VSM_CONFIG": str(tmp_path / "b")})
    assert str(found.data_dir) == "a"


def test_every_option_comes_from_every_source(tmp_path: Path) -> None:
    """Each option is a key, a variable and an argument, with a unit and a sentence."""
    for option in OPTIONS:
        file = tmp_path / f"{option.name}.toml"
        file.write_text(f'{option.name} = "{option.default}"')
        flag = f"--{option.name.replace('_', '-')}"
        assert read_config(arguments("--config", str(file)), {}) == Config()
        assert read_config(arguments(), {f"VSM_{option.name.upper()}": option.default}) == Config()
        assert arguments(flag)[option.name] == "true" if option.flag else arguments(flag, option.default)[option.name] == option.default
        assert option.doc.endswith(".")
        assert option.unit or option.flag


@pytest.mark.parametrize(
    ("environment", "words", "told"),
    [
        ({"VSM_LISTEN": "50051"}, (), "VSM_LISTEN"),
        ({"VSM_LISTEN": "127.0.0.1:65536"}, (), "VSM_LISTEN"),
        ({"VSM_IN_MEMORY": "maybe"}, (), "VSM_IN_MEMORY"),
        ({}, ("--durability", "none"), "full or normal"),
        ({}, ("--drain-grace-s", "nan"), "--drain-grace-s"),
        ({}, ("--drain-grace-s", "-1"), "0 to 300"),
        ({}, ("--log-level", "loud"), "--log-level"),
        ({}, ("--connections-max", "0"), "1 to 1000000"),
        ({}, ("--connection-streams-max", "1.5"), "--connection-streams-max"),
        ({}, ("--connection-age-s", "-1"), "0 to 604800"),
        ({}, ("--tls-trust-domain", "spiffe://example.org"), "--tls-trust-domain"),
        ({}, ("--config", "/nowhere/vsm.toml"), "/nowhere/vsm.toml"),
    ],
)
def test_unusable_value_is_refused_by_name(environment: dict[str, str], words: tuple[str, ...], told: str) -> None:
    """A value that cannot be used is refused with its source and what is allowed."""
    with pytest.raises(ConfigInvalid, match=told):
        read_config(arguments(*words), environment)


@pytest.mark.parametrize(
    ("text", "told"),
    [("dta_dir = 'x'", "dta_dir is not an option; .*data_dir"), ("http = ['a']", "single"), ("x", "Expected")],
)
def test_unusable_file_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """An unknown key is refused with the keys that are allowed; so is a file that is not TOML."""
    file = tmp_path / "vsm.toml"
    file.write_text(text)
    with pytest.raises(ConfigInvalid, match=told):
        read_config(arguments("--config", str(file)), {})


@pytest.mark.parametrize(
    ("text", "host", "loopback"),
    [
        ("127.0.0.1:1", "127.0.0.1", True),
        ("127.9.9.9:1", "127.9.9.9", True),
        ("localhost:1", "localhost", True),
        ("[::1]:1", "::1", True),
        ("0.0.0.0:1", "0.0.0.0", False),  # noqa: S104
        ("[::]:1", "::", False),
        ("127.0.0.1.example.org:1", "127.0.0.1.example.org", False),
        ("10.0.0.1:1", "10.0.0.1", False),
    ],
)
def test_loopback_is_told_from_the_address(text: str, host: str, loopback: bool) -> None:
    """An address is loopback by what it is, not by how it begins; it prints as it is written."""
    address = Address.parse(text)
    assert (address.host, address.is_loopback, str(address)) == (host, loopback, text)


@pytest.mark.parametrize("name", ["listen", "http"])
def test_plain_text_beyond_loopback_must_be_allowed(name: str) -> None:
    """Plain text that other machines reach is refused unless --insecure is given."""
    words = (f"--{name}", "0.0.0.0:1")
    with pytest.raises(ConfigInvalid, match=name):
        read_config(arguments(*words), {}).certificate_files()
    assert read_config(arguments(*words, "--insecure"), {}).certificate_files() is None
    files = read_config(arguments(*words, "--tls-cert", "c", "--tls-key", "k"), {}).certificate_files()
    assert files == CertificateFiles(Path("c"), Path("k"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--tls-cert", "c"), "tls_cert needs tls_key"),
        (("--tls-key", "k"), "tls_key needs tls_cert"),
        (("--tls-client-ca", "a"), "tls_client_ca needs tls_cert"),
        (("--tls-cert", "c", "--tls-key", "k", "--tls-trust-domain", "example.org"), "tls_trust_domain needs tls_client_ca"),
    ],
)
def test_options_of_tls_that_lack_another_are_refused(words: tuple[str, ...], told: str) -> None:
    """Half a TLS is none: the option that is missing is named, also where --insecure is given."""
    with pytest.raises(ConfigInvalid, match=told):
        read_config(arguments(*words, "--insecure"), {}).certificate_files()


def test_every_setting_knows_where_it_came_from(tmp_path: Path) -> None:
    """Of each option it is known whether its value is the default or came from the file, a variable or the command line."""
    file = tmp_path / "vsm.toml"
    file.write_text('listen = "127.0.0.1:1"\nhttp = "127.0.0.1:1"\nin_memory = true\n')
    settings = read_settings(arguments("--config", str(file), "--durability", "normal"), {"VSM_HTTP": "127.0.0.1:2"})
    rows = {row["key"]: row for row in (setting.row() for setting in settings)}
    origins = {key: row["origin"] for key, row in rows.items()}
    assert list(origins) == NAMES
    assert {key for key, origin in origins.items() if origin == "default"} == set(NAMES) - {"listen", "http", "in_memory", "durability"}
    assert origins["listen"] == origins["in_memory"] == str(file)
    assert (origins["http"], origins["durability"]) == ("VSM_HTTP", "command line")
    assert [rows[key]["value"] for key in ("listen", "http", "in_memory", "durability")] == ["127.0.0.1:1", "127.0.0.1:2", "true", "normal"]
    assert rows["listen"]["default"] == "127.0.0.1:50051"


def test_secrets_are_hidden() -> None:
    """The value of a secret option is not shown; that there is none may be."""
    secret = Option("key_phrase", "", "word", "A secret.", str, secret=True)
    assert Setting(secret, "swordfish", "swordfish", "VSM_KEY_PHRASE").row()["value"] == HIDDEN
    assert Setting(secret, "", "", "default").row()["value"] == ""


def test_unusable_secret_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that cannot be used is named and not shown."""
    listen = replace(config._BY_NAME["listen"], secret=True)
    monkeypatch.setitem(config._BY_NAME, "listen", listen)
    with pytest.raises(ConfigInvalid, match="VSM_LISTEN") as caught:
        read_config(arguments(), {"VSM_LISTEN": "swordfish"})
    assert "swordfish" not in str(caught.value)


def test_table_is_aligned() -> None:
    """Cells of a column begin under each other, and an empty one is a dash."""
    text = config.table([{"key": "a", "value": "long one", "unit": ""}, {"key": "bcdef", "value": "x", "unit": "s"}])
    assert text == "key    value     unit\na      long one  -\nbcdef  x         s\n"
