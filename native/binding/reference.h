// An owned reference to a Python object.
#ifndef SESHA_BINDING_REFERENCE_H_
#define SESHA_BINDING_REFERENCE_H_

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <utility>

namespace sesha::binding {

/// Drops its reference when it goes out of scope; the GIL is held whenever one is made, moved or
/// destroyed.
class Reference {
 public:
  Reference() = default;
  /// Takes over the caller's reference; null stands for failure, as in CPython.
  explicit Reference(PyObject* owned) : object_(owned) {}
  Reference(Reference&& other) noexcept : object_(other.release()) {}
  Reference& operator=(Reference&& other) noexcept {
    PyObject* old = std::exchange(object_, other.release());
    Py_XDECREF(old);
    return *this;
  }
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;
  ~Reference() { Py_XDECREF(object_); }

  static Reference borrow(PyObject* object) { return Reference(Py_XNewRef(object)); }

  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  PyObject* object_ = nullptr;
};

}  // namespace sesha::binding

#endif  // SESHA_BINDING_REFERENCE_H_
