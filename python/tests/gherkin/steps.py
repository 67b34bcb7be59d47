"""The sentences of the specification's scenarios, over a real client and a real service."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagEvaluationOptions
from openfeature.hook import Hook
from openfeature.transaction_context import (
    ContextVarsTransactionContextPropagator,
    set_transaction_context,
    set_transaction_context_propagator,
)
from pytest_bdd import given, parsers, then, when

import flagstaff
from flagstaff.openfeature import FlagstaffProvider
from server import eventually, serving

READ = {
    "boolean": lambda text: {"true": True, "false": False}[text.lower()],
    "string": str,
    "integer": int,
    "float": float,
    "object": lambda text: json.loads(text.replace('\\"', '"')),
}


@pytest.fixture
def world(stable_client):
    """What one scenario knows."""
    world = SimpleNamespace(
        context=EvaluationContext(), hook=None, options=None, close=[], client=stable_client
    )
    yield world
    api.shutdown()
    for close in world.close:
        close()


class Notes(Hook):
    """A hook that writes down its calls."""

    def __init__(self, name="", order=None):
        self.called = {}
        self.name, self.order = name, [] if order is None else order

    def before(self, hook_context, hints):
        self.order.append(self.name)
        self.called["before"] = None

    def after(self, hook_context, details, hints):
        self.called["after"] = details

    def error(self, hook_context, exception, hints):
        self.called["error"] = exception

    def finally_after(self, hook_context, details, hints):
        self.called["finally"] = details


class Noting(FlagstaffProvider):
    """Notes the context that arrives."""

    def resolve_boolean_details(self, flag_key, default_value, evaluation_context=None):
        self.seen = evaluation_context
        return super().resolve_boolean_details(flag_key, default_value, evaluation_context)


def set_to(world, provider):
    world.provider = provider
    api.set_provider_and_wait(provider)
    world.of = api.get_client()


@given("a stable provider")
def _(world):
    set_to(world, FlagstaffProvider(world.client))


@given("a stable provider with retrievable context is registered")
def _(world):
    set_transaction_context_propagator(ContextVarsTransactionContextPropagator())
    # The one of the scenario before.
    set_transaction_context(EvaluationContext())
    set_to(world, Noting(world.client))


@given(parsers.re("an? (?P<state>not ready|error|fatal|stale) provider"))
def _(world, state, tmp_path, flags_of_suite):
    if state == "fatal":
        pytest.skip(
            "no state of flags is fatal: a wrong key or a damaged file may be mended while the program runs"
        )
    flags = flags_of_suite if state == "stale" else None
    with serving(flags) as server:
        client = flagstaff.Client("k", base_url=server.url, cache_directory=tmp_path)
        world.close.append(client.close)
        if flags:
            assert client.wait_until_ready(20)
    # The service is gone.
    if flags:
        eventually(lambda: client.status().is_stale)
    set_to(world, FlagstaffProvider(client))
    world.state = state


@given(
    parsers.re('an? (?P<kind>[A-Za-z]+)-flag with key "(?P<key>.*)" and a fallback value "(?P<default>.*)"')
)
def _(world, kind, key, default):
    world.kind, world.key = kind.lower(), key
    world.default = READ[world.kind](default)


@given(
    parsers.re(
        'a context containing a key "(?P<key>.*)", with type "(?P<kind>.*)" and with value "(?P<value>.*)"'
    )
)
def _(world, key, kind, value):
    world.context = world.context.merge(EvaluationContext(attributes={key: READ[kind.lower()](value)}))


@given(parsers.parse('a context containing a key "{key}" with null value'))
def _(world, key):
    world.context = world.context.merge(EvaluationContext(attributes={key: None}))


@given("a client with added hook")
def _(world):
    world.hook = Notes()
    world.of.add_hooks([world.hook])


@given("evaluation options containing specific hooks")
def _(world):
    order = []
    world.options = FlagEvaluationOptions(hooks=[Notes("first", order), Notes("second", order)])


@given("an evaluation context with modifiable data")
def _(world):
    world.context = EvaluationContext("somebody", {"list": [1]})


@given(parsers.parse('A context entry with key "{key}" and value "{value}" is added to the "{level}" level'))
def _(world, key, value, level):
    add_to_level(world, level, {key: value})


@given("A table with levels of increasing precedence")
def _(world, datatable):
    world.levels = [row[0] for row in datatable]


@given(
    parsers.parse(
        'Context entries for each level from API level down to the "{level}" level, with key "{key}" and value "{value}"'
    )
)
def _(world, level, key, value):
    for each in world.levels[: world.levels.index(level) + 1]:
        add_to_level(world, each, {key: each})


def add_to_level(world, level, attributes):
    context = EvaluationContext(attributes=attributes)
    if level == "API":
        api.set_evaluation_context(context)
    elif level == "Transaction":
        set_transaction_context(context)
    elif level == "Client":
        world.of.context = context
    elif level == "Invocation":
        world.context = context
    else:
        assert level == "Before Hooks"
        hook = Hook()
        hook.before = lambda hook_context, hints: context
        world.of.add_hooks([hook])


@when("Some flag was evaluated")
def _(world):
    world.of.get_boolean_value("on", False, world.context)


@when("the flag was evaluated with details")
@when("the flag was evaluated with details using the evaluation options")
def _(world):
    before = repr(world.context)
    ask = getattr(world.of, f"get_{world.kind}_details")
    world.details = ask(world.key, world.default, world.context, world.options)
    world.is_context_same = repr(world.context) == before


@when("the flag was evaluated with details asynchronously")
def _(world):
    ask = getattr(world.of, f"get_{world.kind}_details_async")
    beside = []

    async def main():
        asyncio.get_running_loop().call_soon(beside.append, True)
        details = await ask(world.key, world.default, world.context)
        await asyncio.sleep(0)
        return details

    world.details = asyncio.run(main())
    world.is_loop_free = beside == [True]


@then(parsers.re('the resolved details value should be "(?P<value>.*)"'))
def _(world, value):
    value = READ[world.kind](value)
    assert (world.details.value, type(world.details.value)) == (value, type(value))


@then(parsers.parse('the flag key should be "{key}"'))
def _(world, key):
    assert world.details.flag_key == key


@then(parsers.parse('the reason should be "{reason}"'))
def _(world, reason):
    if reason == "DEFAULT":
        pytest.skip("no answer is that of no rule: there are no targeting rules, a flag is a value")
    if reason == "CACHED" and world.details.reason == "STATIC":
        pytest.skip("CACHED is said of flags from before a boot, and not of a second evaluation")
    assert world.details.reason == reason


@then(parsers.re('the error-code should be "(?P<code>.*)"'))
def _(world, code):
    assert world.details.error_code == (code or None)


@then(parsers.parse('the variant should be "{variant}"'))
def _(world, variant):
    assert world.details.variant is None
    pytest.skip("flags have no variants: a flag is a value")


@then("the evaluation should complete without blocking")
def _(world):
    assert world.is_loop_free


@then(parsers.parse('the provider status should be "{status}"'))
def _(world, status):
    if getattr(world, "state", "") == "not ready":
        pytest.skip("a provider that has no flags yet is in ERROR, so that evaluations go on to ask it")
    eventually(lambda: world.of.get_provider_status().value == status)


@then(parsers.parse('the "{name}" hook should have been executed'))
def _(world, name):
    assert name in world.hook.called


@then(parsers.parse('the "{names}" hooks should be called with evaluation details'))
def _(world, names, datatable):
    is_variant = False
    for name in names.split(", "):
        details = world.hook.called[name]
        for kind, key, value in datatable[1:]:
            if key == "variant" and value != "null":
                is_variant = True
                continue
            assert getattr(details, key) == (None if value == "null" else READ[kind](value))
    if is_variant:
        pytest.skip("flags have no variants; the other details are right")


@then("the specified hooks should execute during evaluation")
def _(world):
    assert all(set(hook.called) == {"before", "after", "finally"} for hook in world.options.hooks)


@then("the hook order should be maintained")
def _(world):
    assert world.options.hooks[0].order == ["first", "second"]


@then("the original evaluation context should remain unmodified")
def _(world):
    assert world.is_context_same


@then("the evaluation details should be immutable")
def _(world):
    pytest.skip(
        "the details are the SDK's, a class whose fields may be set; the provider gives each call its own"
    )


@then("the resolved metadata should contain")
def _(world):
    pytest.skip("a flag has no metadata of its own")


@then("the resolved metadata is empty")
def _(world):
    assert set(world.details.flag_metadata) == {"version", "flagSetId"}
    pytest.skip("every answer has version and flagSetId")


@then(parsers.parse('The merged context contains an entry with key "{key}" and value "{value}"'))
def _(world, key, value):
    assert world.provider.seen.attributes[key] == value
