// `sesha._native.Lease`: borrowed memory as an exporter of the buffer protocol.
#ifndef SESHA_BINDING_LEASE_OBJECT_H_
#define SESHA_BINDING_LEASE_OBJECT_H_

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string_view>

#include "binding/stream.h"
#include "exchange/lease.h"

namespace sesha::binding {

PyTypeObject* lease_type();

/// `extent` bytes from `low` on, one-dimensional. Retains `lease`. Null with MemoryError.
PyObject* lease_object(sesha_lease* lease, char* low, size_t extent, bool readonly);
/// With the shape and strides (bytes, unaligned) of `head` and a format of the struct module.
/// `lease` may be null.
PyObject* shaped_lease_object(sesha_lease* lease, const ArrayHead& head, const char* extents,
                              std::string_view format);

}  // namespace sesha::binding

#endif  // SESHA_BINDING_LEASE_OBJECT_H_
