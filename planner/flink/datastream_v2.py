"""Programs of the DataStream API V2: what they would execute is recorded, and nothing runs.

Flink's own way to ask a program for its graph (`PackagedProgramUtils`) knows the first API only. A program
of the second would find no environment of a client, take a local one, and run its job within the compiler.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from typing import Any

from planner.documents.profile import Program
from planner.flink.errors import ProgramError
from planner.flink.jvm import Jvm

_PACKAGE = "org.apache.flink.datastream.impl."
_ENTRY = "org.apache.flink.datastream.api.ExecutionEnvironment"
_TARGET = "execution.target"
_EXECUTION = ("PipelineExecutorServiceLoader", "PipelineExecutorFactory", "PipelineExecutor")


def record_v2(
    jvm: Jvm, loader: Any, configuration: Any, parallelism: int, program: Program
) -> Callable[[], Any | None]:
    """Give `ExecutionEnvironment.getInstance` an environment that only records what it is asked to execute.

    Returns what tells, once `main` has ended, the stream graph that was recorded, None where there is none.

    Raises:
        ProgramError: when the program is of the second API and this Flink has no place for an environment.

    """
    from py4j.protocol import Py4JJavaError

    calls = jvm.view.java.util.ArrayList()
    options = configuration.clone()
    options.setString("parallelism.default", str(parallelism))
    options.setString(_TARGET, "planner")  # it has to be there; nothing looks for what it means
    try:
        _install(jvm, loader, options, calls)
    except Py4JJavaError:
        if _can_load(jvm, loader, _ENTRY) and _mentions(program.file, _ENTRY):
            raise ProgramError(
                f"{program.file}: is of the DataStream API V2, which planner cannot compile with this Flink"
                " without running it"
            ) from None
    return lambda: _recorded(calls)


def _install(jvm: Jvm, loader: Any, options: Any, calls: Any) -> None:
    java, reflect = jvm.view.java.lang, jvm.view.java.lang.reflect
    find = java.Class.forName
    implementation = find(_PACKAGE + "ExecutionEnvironmentImpl", True, loader)
    factory = find(_PACKAGE + "ExecutionEnvironmentFactory", True, loader)
    interfaces = [find(f"org.apache.flink.core.execution.{name}", True, loader) for name in _EXECUTION]
    executor = reflect.Proxy.newProxyInstance(
        loader, jvm.array(java.Class, interfaces), _recorder(jvm, calls)
    )
    (constructor,) = (c for c in implementation.getDeclaredConstructors() if c.getParameterCount() == 3)
    constructor.setAccessible(True)
    handles = java.invoke.MethodHandles
    arguments = jvm.array(java.Object, [executor, options, loader])
    make = handles.insertArguments(handles.publicLookup().unreflectConstructor(constructor), 0, arguments)
    environments = _handler(jvm, handles.dropArguments(make, 0, _parameters(jvm)))
    made = reflect.Proxy.newProxyInstance(loader, jvm.array(java.Class, [factory]), environments)
    method = implementation.getDeclaredMethod(
        "initializeContextEnvironment", jvm.array(java.Class, [factory])
    )
    method.setAccessible(True)
    method.invoke(None, jvm.array(java.Object, [made]))


def _parameters(jvm: Jvm) -> Any:
    """Return the parameters of `InvocationHandler.invoke`: a proxy, one of its methods, arguments."""
    find = jvm.java_class
    names = ("java.lang.Object", "java.lang.reflect.Method", "[Ljava.lang.Object;")
    return jvm.array(jvm.view.java.lang.Class, [find(name) for name in names])


def _handler(jvm: Jvm, handle: Any) -> Any:
    """Return an `InvocationHandler` that calls a method handle."""
    types = jvm.view.java.lang.invoke.MethodType.methodType(
        jvm.java_class("java.lang.Object"), _parameters(jvm)
    )
    interface = jvm.java_class("java.lang.reflect.InvocationHandler")
    return jvm.view.java.lang.invoke.MethodHandleProxies.asInterfaceInstance(interface, handle.asType(types))


def _recorder(jvm: Jvm, calls: Any) -> Any:
    """Return a handler that adds the arguments of each call to a list, and answers with the proxy itself.

    The proxy is its own loader, factory and executor. It is no future, so that `execute` throws once it
    is recorded.
    """
    handles, types = jvm.view.java.lang.invoke.MethodHandles, jvm.view.java.lang.invoke.MethodType
    anything, lang = jvm.java_class("java.lang.Object"), jvm.view.java.lang
    first = jvm.array(lang.Class, list(_parameters(jvm))[:2])
    rest = jvm.array(lang.Class, list(_parameters(jvm))[1:])
    add = handles.publicLookup().bind(calls, "add", types.methodType(lang.Boolean.TYPE, anything))
    add = add.asType(types.methodType(lang.Void.TYPE, jvm.java_class("[Ljava.lang.Object;")))
    itself = handles.dropArguments(handles.identity(anything), 1, rest)
    return _handler(jvm, handles.foldArguments(itself, handles.dropArguments(add, 0, first)))


def _recorded(calls: Any) -> Any | None:
    """Return the stream graph that `PipelineExecutor.execute` was called with, the only call of three."""
    for arguments in calls:
        if arguments is not None and len(arguments) == 3:
            graph = arguments[0]
            graph.getJobConfiguration().removeKey(_TARGET)
            return graph
    return None


def _can_load(jvm: Jvm, loader: Any, name: str) -> bool:
    from py4j.protocol import Py4JJavaError

    try:
        jvm.view.java.lang.Class.forName(name, False, loader)
    except Py4JJavaError:
        return False
    return True


def _mentions(file: str, name: str) -> bool:
    """Tell whether a class in a JAR refers to the class of that name."""
    inside = name.replace(".", "/").encode()
    with zipfile.ZipFile(file) as jar:
        return any(inside in jar.read(entry) for entry in jar.namelist() if entry.endswith(".class"))
