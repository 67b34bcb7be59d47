"""Import is cheap."""

HEAVY = (
    "enum",
    "dataclasses",
    "datetime",
    "typing",
    "json",
    "logging",
    "asyncio",
    "collections",
    "inspect",
    "re",
)


def test_import_brings_in_nothing_heavy(run):
    code = """if 1:
        import sys
        before = set(sys.modules)
        import flagstaff
        flagstaff.create_soasap_client
        client = flagstaff.Client("k", base_url="http://127.0.0.1:9", cache_directory=sys.argv[1])
        client.get_bool("on")
        client.bool_flag("on").get()
        print(*sorted(set(sys.modules) - before))
    """
    brought = set(run(code, "/nonexistent").split())
    assert {"flagstaff", "flagstaff._flagstaff"} <= brought
    assert not brought.intersection(HEAVY), brought


def test_import_takes_little_time(run):
    # benches/start.py measures; this finds what is ten times too much.
    code = """if 1:
        import time
        begun = time.perf_counter()
        import flagstaff
        print(time.perf_counter() - begun)
    """
    assert min(float(run(code)) for _ in range(5)) < 0.05


def test_everything_documented():
    import flagstaff

    for name in flagstaff.__all__:
        value = getattr(flagstaff, name)
        assert isinstance(value, str) or name == "SoasapErrorHandler" or value.__doc__, name
        if (
            isinstance(value, type)
            and value.__module__ == "flagstaff"
            and not issubclass(value, (Exception, str))
        ):
            for attribute, member in vars(value).items():
                if not attribute.startswith("_") and callable(member):
                    assert member.__doc__, f"{name}.{attribute}"
