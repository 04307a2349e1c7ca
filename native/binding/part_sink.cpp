#include "binding/part_sink.h"

#include "binding/types.h"

namespace sesha::binding {
namespace {

struct SinkObject {
  PyObject_HEAD Encoder* encoder;
  uint32_t count;
};

SinkObject* sink(PyObject* object) { return reinterpret_cast<SinkObject*>(object); }

PyObject* add(PyObject* self, PyObject* value) {
  Encoder* encoder = sink(self)->encoder;
  if (encoder == nullptr) {
    PyErr_SetString(PyExc_RuntimeError, "the message that this sink belongs to is finished");
    return nullptr;
  }
  const size_t before = encoder->writer().position();
  const Outcome outcome = encoder->encode_part(value);
  if (outcome == Outcome::kError) return nullptr;
  if (outcome == Outcome::kUnknown) {
    encoder->truncate(before);
    Py_RETURN_FALSE;
  }
  ++sink(self)->count;
  Py_RETURN_TRUE;
}

PyMethodDef methods[] = {
    {"add", add, METH_O, "Write a value as the next part; False if only a pickle can carry it."},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("What a pickler hands its arrays, tensors and handles to.")},
    {Py_tp_methods, methods},
    {0, nullptr},
};

PyType_Spec spec = {"sesha._native.PartSink", sizeof(SinkObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

}  // namespace

PartSink::PartSink(Encoder* encoder) {
  static PyTypeObject* type = nullptr;
  if (type == nullptr) type = make_type(&spec);
  if (type == nullptr) return;
  object_ = Reference(type->tp_alloc(type, 0));
  if (object_) *sink(object_.get()) = {sink(object_.get())->ob_base, encoder, 0};
}

PartSink::~PartSink() {
  if (object_) sink(object_.get())->encoder = nullptr;
}

uint32_t PartSink::count() const { return sink(object_.get())->count; }

}  // namespace sesha::binding
