"""Compiles a function from LLVM's assembler and calls it."""

import ctypes

import llvmlite.binding as llvm

MADE_WITH = "ctypes"
DISTRIBUTION = "llvmlite"


SOURCE = """
define i64 @factorial(i64 %n) {
entry:
  %small = icmp sle i64 %n, 1
  br i1 %small, label %one, label %more
one:
  ret i64 1
more:
  %less = sub i64 %n, 1
  %rest = call i64 @factorial(i64 %less)
  %result = mul i64 %n, %rest
  ret i64 %result
}
"""


def exercise() -> object:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(SOURCE)
    module.verify()
    target = llvm.Target.from_default_triple().create_target_machine()
    engine = llvm.create_mcjit_compiler(module, target)
    engine.finalize_object()
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(
        engine.get_function_address("factorial")
    )
    try:
        llvm.parse_assembly("nonsense")
    except RuntimeError as error:
        failure = "parsing error" in str(error).lower() or str(error)
    return [function(k) for k in range(15)], failure
