// How the function of a call is named, or carried by value, and found again.
//
// **Guarantees:** what runs is what a pickle of the function would give: a name is sent only if it
// leads to the very object here; bytes pickled before are sent again only while all that the
// function captured is the same.
//
// **This code assumes:** a module of one name holds the same source in both interpreters.
#ifndef SESHA_BINDING_FUNCTIONS_H_
#define SESHA_BINDING_FUNCTIONS_H_

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "binding/decoder.h"
#include "binding/encoder.h"

namespace sesha::binding {

/// Writes the function of a call. kUnknown, with nothing written: only a pickle of it with the
/// arguments can carry it.
Outcome encode_function(Encoder& encoder, PyObject* fn);
/// The function (new reference) of a form other than kInPickle; null with an exception.
PyObject* decode_function(Decoder& decoder, FunctionForm form);

}  // namespace sesha::binding

#endif  // SESHA_BINDING_FUNCTIONS_H_
