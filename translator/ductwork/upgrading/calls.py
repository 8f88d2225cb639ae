"""Arguments of DAGs and operators that Airflow 3 does not take: renamed, converted or left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import libcst as cst

from ductwork.airflow2 import Place, arguments
from ductwork.upgrading.bindings import Bindings
from ductwork.upgrading.imports import Names

_DAGS = {Place("airflow.sdk", "DAG"), Place("airflow.sdk", "dag")}
_POD = Place("airflow.providers.cncf.kubernetes.operators.pod", "KubernetesPodOperator")
_DOCKER = Place("airflow.providers.docker.operators.docker", "DockerOperator")
_VIRTUALENV = Place("airflow.providers.standard.operators.python", "PythonVirtualenvOperator")
_K8S = "kubernetes.client.models"
_OPERATORS = ("Operator", "Sensor", "GenericTransfer")


def change_arguments(tree: cst.Module, bindings: Bindings, names: Names) -> tuple[cst.Module, list[Place]]:
    """One file with its calls of DAG, ``@dag`` and operators changed, and what the new arguments need to be imported.

    The dictionaries that a call of DAG takes with ``**`` are changed too.
    """
    changes = _Changes(bindings, names)
    return tree.visit(changes), changes.wanted


class _Changes(cst.CSTTransformer):
    def __init__(self, bindings: Bindings, names: Names) -> None:
        super().__init__()
        self.bindings = bindings
        self.names = names
        self.wanted: list[Place] = []
        self._dictionaries: set[str] = set()

    def visit_Module(self, node: cst.Module) -> None:
        spread = _Spread(lambda call: self._class(call.func) in _DAGS)
        node.visit(spread)
        self._dictionaries = spread.names

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        place = self._class(original_node.func)
        if place is None:
            return updated_node
        if place in _DAGS:
            return _changed(updated_node, arguments.DAG)
        call = _serializer(updated_node) if place == _VIRTUALENV else updated_node
        call = _changed(call, arguments.OF_CLASS.get(place, {}))
        if not place.name.endswith(_OPERATORS):
            return call
        call = _changed(call, arguments.TASK)
        call = _each(call, "trigger_rule", _trigger_rule)
        if place == _DOCKER:
            call = _each(call, "auto_remove", _auto_remove)
        if place == _POD:
            call = _each(call, "container_resources", self._resources)
            call = _each(call, "image_pull_secrets", self._pull_secrets)
            call = _pod_deleted(call)
        old = self._place(original_node.func)
        if place == arguments.SqlOperator.place and old and (sql := arguments.SQL_OPERATORS.get(old.name)):
            call = _sql(call, sql, partial=_is_partial(original_node.func))
        return call

    def leave_Assign(self, original_node: cst.Assign, updated_node: cst.Assign) -> cst.Assign:
        targets = {each.target.value for each in original_node.targets if isinstance(each.target, cst.Name)}
        if not targets & self._dictionaries:
            return updated_node
        value = updated_node.value
        if isinstance(value, cst.Call) and isinstance(value.func, cst.Name) and value.func.value == "dict":
            return updated_node.with_changes(value=_changed(value, arguments.DAG))
        if isinstance(value, cst.Dict):
            return updated_node.with_changes(value=_keys_changed(value))
        return updated_node

    def leave_DictElement(self, original_node: cst.DictElement, updated_node: cst.DictElement) -> cst.DictElement:
        """``"trigger_rule": "dummy"`` among default_args."""
        key = original_node.key
        if isinstance(key, cst.SimpleString) and key.evaluated_value == "trigger_rule":
            return updated_node.with_changes(value=_trigger_rule(updated_node.value))
        return updated_node

    def _place(self, func: cst.BaseExpression) -> Place | None:
        return self.bindings.place(func.value if isinstance(func, cst.Attribute) and _is_partial(func) else func)

    def _class(self, func: cst.BaseExpression) -> Place | None:
        place = self._place(func)
        return place and (self.names.now(place.module, place.name) or place)

    def _want(self, name: str) -> cst.Name | None:
        """A model of the Kubernetes client, to be imported; None if the file has something else by that name."""
        if name in self.bindings.taken:
            return None
        self.wanted.append(Place(_K8S, name))
        return cst.Name(name)

    def _resources(self, value: cst.BaseExpression) -> cst.BaseExpression:
        """``{"request_memory": "1Gi", "limit_cpu": 1}``, as Airflow 1 had it."""
        if not isinstance(value, cst.Dict):
            return value
        found: dict[str, dict[str, str]] = {"requests": {}, "limits": {}}
        for element in value.elements:
            key = element.key if isinstance(element, cst.DictElement) else None
            name = str(key.evaluated_value) if isinstance(key, cst.SimpleString) else ""
            kind, _, resource = name.partition("_")
            if kind not in {"request", "limit"} or not resource:
                return value
            found[f"{kind}s"][resource.replace("_", "-")] = cst.Module([]).code_for_node(element.value)
        model = self._want("V1ResourceRequirements")
        if model is None:
            return value
        parts = [f"{kind}={_dictionary(given)}" for kind, given in found.items() if given]
        return cst.parse_expression(f"{model.value}({', '.join(parts)})")

    def _pull_secrets(self, value: cst.BaseExpression) -> cst.BaseExpression:
        """``"one,two"``."""
        if not isinstance(value, cst.SimpleString) or not (model := self._want("V1LocalObjectReference")):
            return value
        names = [name.strip() for name in str(value.evaluated_value).split(",")]
        return cst.parse_expression("[" + ", ".join(f'{model.value}(name="{name}")' for name in names) + "]")


class _Spread(cst.CSTVisitor):
    """The names that calls take with ``**``."""

    def __init__(self, wanted: Callable[[cst.Call], bool]) -> None:
        super().__init__()
        self.names: set[str] = set()
        self._wanted = wanted

    def visit_Call(self, node: cst.Call) -> None:
        if self._wanted(node):
            self.names |= {
                each.value.value for each in node.args if each.star == "**" and isinstance(each.value, cst.Name)
            }


def _is_partial(func: cst.BaseExpression) -> bool:
    return isinstance(func, cst.Attribute) and func.attr.value == "partial"


def _given(call: cst.Call) -> set[str]:
    return {argument.keyword.value for argument in call.args if argument.keyword}


def _changed(call: cst.Call, table: dict[str, str]) -> cst.Call:
    """The call with its keywords as a table says; where the new keyword is there too, the old one stays."""
    given = _given(call)
    args: list[cst.Arg] = []
    for argument in call.args:
        old = argument.keyword.value if argument.keyword else ""
        new = table.get(old)
        if new is None or new in given:
            args.append(argument)
        elif new:
            args.append(argument.with_changes(keyword=cst.Name(new)))
    return _with(call, args)


def _with(call: cst.Call, args: Sequence[cst.Arg]) -> cst.Call:
    """The call with some of its arguments; the last one is followed by what the last one was followed by."""
    if len(args) >= len(call.args) or not args:
        return call.with_changes(args=args)
    last = call.args[-1]
    ended = args[-1].with_changes(comma=last.comma, whitespace_after_arg=last.whitespace_after_arg)
    return call.with_changes(args=[*args[:-1], ended])


def _each(call: cst.Call, name: str, change: Callable[[cst.BaseExpression], cst.BaseExpression]) -> cst.Call:
    args = [
        argument.with_changes(value=change(argument.value))
        if argument.keyword and argument.keyword.value == name
        else argument
        for argument in call.args
    ]
    return call.with_changes(args=args)


def _keys_changed(value: cst.Dict) -> cst.Dict:
    elements: list[cst.BaseDictElement] = []
    for element in value.elements:
        key = element.key if isinstance(element, cst.DictElement) else None
        new = arguments.DAG.get(str(key.evaluated_value)) if isinstance(key, cst.SimpleString) else None
        if new:
            assert isinstance(key, cst.SimpleString)
            element = element.with_changes(key=cst.SimpleString(f"{key.quote}{new}{key.quote}"))
        if new != "":
            elements.append(element)
    if elements and len(elements) < len(value.elements):
        elements[-1] = elements[-1].with_changes(comma=value.elements[-1].comma)
    return value.with_changes(elements=elements)


def _trigger_rule(value: cst.BaseExpression) -> cst.BaseExpression:
    if isinstance(value, cst.SimpleString) and (new := arguments.TRIGGER_RULES.get(str(value.evaluated_value))):
        return cst.SimpleString(f"{value.quote}{new}{value.quote}")
    if isinstance(value, cst.Attribute) and (new := arguments.TRIGGER_RULES.get(value.attr.value)):
        return value.with_changes(attr=cst.Name(new))
    return value


def _auto_remove(value: cst.BaseExpression) -> cst.BaseExpression:
    """A truth value until version 4 of the Docker provider."""
    new = {"True": '"success"', "False": '"never"'}.get(value.value if isinstance(value, cst.Name) else "")
    return cst.SimpleString(new) if new else value


def _pod_deleted(call: cst.Call) -> cst.Call:
    """``is_delete_operator_pod`` is ``on_finish_action`` since version 7.2 of the Kubernetes provider."""
    if "on_finish_action" in _given(call):
        return call
    args = []
    for argument in call.args:
        if argument.keyword and argument.keyword.value == "is_delete_operator_pod":
            value = argument.value.value if isinstance(argument.value, cst.Name) else ""
            new = {"True": '"delete_pod"', "False": '"keep_pod"'}.get(str(value))
            if new:
                argument = argument.with_changes(keyword=cst.Name("on_finish_action"), value=cst.SimpleString(new))
        args.append(argument)
    return call.with_changes(args=args)


def _serializer(call: cst.Call) -> cst.Call:
    """``use_dill`` is ``serializer="dill"`` since version 1.0 of the standard provider."""
    args = []
    for argument in call.args:
        value = argument.value.value if isinstance(argument.value, cst.Name) else ""
        if not argument.keyword or argument.keyword.value != "use_dill" or value not in {"True", "False"}:
            args.append(argument)
        elif value == "True":
            args.append(argument.with_changes(keyword=cst.Name("serializer"), value=cst.SimpleString('"dill"')))
    return _with(call, args)


def _sql(call: cst.Call, sql: arguments.SqlOperator, *, partial: bool) -> cst.Call:
    """With ``conn_id``, its old default if none was given, and ``hook_params``."""
    call = _changed(call, {sql.conn_id: "conn_id"})
    if "hook_params" in _given(call):
        return call
    moved = [each for each in call.args if each.keyword and each.keyword.value in sql.hook_params]
    args = [each for each in call.args if each not in moved]
    added: list[cst.Arg] = []
    spread = any(each.star == "**" for each in call.args)
    if "conn_id" not in _given(call) and not spread:
        added.append(_argument(f'conn_id="{sql.default}"'))
    if moved:
        code = cst.Module([]).code_for_node
        params = {sql.hook_params[each.keyword.value]: code(each.value) for each in moved if each.keyword}
        added.append(_argument(f"hook_params={_dictionary(params)}"))
    if not added:
        return call
    at = next((number for number, each in enumerate(call.args) if each in moved), len(args))
    return _inserted(call, args, at, added)


def _dictionary(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'"{name}": {code}' for name, code in values.items()) + "}"


def _argument(code: str) -> cst.Arg:
    call = cst.parse_expression(f"f({code})")
    assert isinstance(call, cst.Call)
    equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    return call.args[0].with_changes(equal=equal)


def _inserted(call: cst.Call, args: Sequence[cst.Arg], at: int, added: Sequence[cst.Arg]) -> cst.Call:
    """The call with arguments added, each laid out as those around it: on its own line, or not."""
    comma = next((each.comma for each in call.args if isinstance(each.comma, cst.Comma)), None)
    comma = comma or cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    made = [*args[:at], *added, *args[at:]]
    last = call.args[-1] if call.args else None
    separated = [
        each if isinstance(each.comma, cst.Comma) and each is not last else each.with_changes(comma=comma)
        for each in made[:-1]
    ]
    end = last.comma if last is not None else cst.MaybeSentinel.DEFAULT
    space = last.whitespace_after_arg if last is not None else cst.SimpleWhitespace("")
    return call.with_changes(args=[*separated, made[-1].with_changes(comma=end, whitespace_after_arg=space)])
