// What a pickler hands its arrays, tensors and handles to.
#ifndef SESHA_BINDING_PART_SINK_H_
#define SESHA_BINDING_PART_SINK_H_

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "binding/encoder.h"
#include "binding/reference.h"

namespace sesha::binding {

/// Makes a Python object with one method, `add(value) -> bool`: writes `value` as the next part of
/// the message, or returns False if only a pickle can carry it. The object outlives the sink
/// harmlessly: it then raises RuntimeError.
class PartSink {
 public:
  explicit PartSink(Encoder* encoder);
  ~PartSink();
  PartSink(const PartSink&) = delete;
  PartSink& operator=(const PartSink&) = delete;

  /// Null, with an exception, if it could not be made.
  PyObject* object() const { return object_.get(); }
  uint32_t count() const;

 private:
  Reference object_;
};

}  // namespace sesha::binding

#endif  // SESHA_BINDING_PART_SINK_H_
