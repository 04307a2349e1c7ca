#include "binding/decoder.h"

#include "binding/arrays.h"
#include "binding/frameworks.h"
#include "binding/interpreter.h"
#include "binding/values.h"

namespace sesha::binding {

PyObject* Decoder::decode() {
  auto opcode = reader_.get<Opcode>();
  size_t place = kNoPlace;
  if (opcode == Opcode::kMemo) {
    place = memo_.size();
    memo_.emplace_back();
    opcode = reader_.get<Opcode>();
  }
  PyObject* value = decode_value(opcode, place);
  if (place != kNoPlace && value != nullptr && !memo_[place]) remember(place, value);
  return value;
}

PyObject* Decoder::decode_value(Opcode opcode, size_t place) {
  switch (opcode) {
    case Opcode::kNone:
      return Py_NewRef(Py_None);
    case Opcode::kTrue:
      return Py_NewRef(Py_True);
    case Opcode::kFalse:
      return Py_NewRef(Py_False);
    case Opcode::kEllipsis:
      return Py_NewRef(Py_Ellipsis);
    case Opcode::kSmallInt:
      return PyLong_FromLong(reader_.get<int8_t>());
    case Opcode::kInt:
      return PyLong_FromLongLong(reader_.get<int64_t>());
    case Opcode::kBigInt: {
      const auto size = reader_.get<uint64_t>();
      return _PyLong_FromByteArray(reader_.take(size), size, 1, 1);
    }
    case Opcode::kFloat:
      return PyFloat_FromDouble(reader_.get<double>());
    case Opcode::kComplex: {
      const auto real = reader_.get<double>();
      return PyComplex_FromDoubles(real, reader_.get<double>());
    }
    case Opcode::kAscii: {
      const auto length = reader_.get<uint64_t>();
      const uint8_t* characters = reader_.take(length);
      if (length < 2) {
        return PyUnicode_FromKindAndData(PyUnicode_1BYTE_KIND, characters,
                                         static_cast<Py_ssize_t>(length));
      }
      PyObject* text = PyUnicode_New(static_cast<Py_ssize_t>(length), 127);
      if (text != nullptr) memcpy(PyUnicode_DATA(text), characters, length);
      return text;
    }
    case Opcode::kText: {
      const auto kind = reader_.get<uint8_t>();
      const auto length = reader_.get<uint64_t>();
      return PyUnicode_FromKindAndData(kind, reader_.take(length * kind),
                                       static_cast<Py_ssize_t>(length));
    }
    case Opcode::kBytes:
    case Opcode::kByteArray: {
      const auto size = reader_.get<uint64_t>();
      const auto* data = reinterpret_cast<const char*>(reader_.take(size));
      return opcode == Opcode::kBytes
                 ? PyBytes_FromStringAndSize(data, static_cast<Py_ssize_t>(size))
                 : PyByteArray_FromStringAndSize(data, static_cast<Py_ssize_t>(size));
    }
    case Opcode::kLeasedBytes: {
      reader_.get<uint32_t>();  // the message keeps the lease while it is read
      const auto* data = reader_.get<char*>();
      return PyBytes_FromStringAndSize(data, static_cast<Py_ssize_t>(reader_.get<uint64_t>()));
    }
    case Opcode::kRecall:
      return Py_NewRef(memo_[reader_.get<uint32_t>()].get());
    case Opcode::kArray:
      return decode_array(reader_, message_);
    case Opcode::kScalar:
      return decode_scalar(reader_);
    case Opcode::kTensor:
      return decode_torch(reader_, message_);
    case Opcode::kForeign:
      return decode_foreign(reader_, message_);
    case Opcode::kMemoryView:
      return decode_memoryview(reader_, message_);
    case Opcode::kHandle:
      return decode_handle();
    case Opcode::kKept: {
      sesha_lease* lease = message_->leases[reader_.get<uint32_t>()];
      sesha_lease_retain(lease);
      return handle_from_lease(lease);
    }
    case Opcode::kPickle:
      return decode_pickle();
    case Opcode::kRange:
      return decode_three(opcode);
    default:
      break;
  }
  if (Py_EnterRecursiveCall(" while a value was being received")) return nullptr;
  PyObject* value = nullptr;
  if (opcode == Opcode::kList || opcode == Opcode::kTuple) {
    value = decode_items(opcode, place);
  } else if (opcode == Opcode::kDict) {
    value = decode_dict(place);
  } else if (opcode == Opcode::kSet || opcode == Opcode::kFrozenSet) {
    value = decode_set(opcode, place);
  } else if (opcode == Opcode::kSlice) {
    value = decode_three(opcode);
  } else {
    PyErr_Format(PyExc_SystemError, "a message holds the unknown opcode %d",
                 static_cast<int>(opcode));
  }
  Py_LeaveRecursiveCall();
  return value;
}

PyObject* Decoder::decode_items(Opcode opcode, size_t place) {
  const auto count = static_cast<Py_ssize_t>(reader_.get<uint64_t>());
  const bool is_list = opcode == Opcode::kList;
  Reference made(is_list ? PyList_New(count) : PyTuple_New(count));
  if (!made) return nullptr;
  if (count == 0 || !is_list) {
    remember(place, made.get());
    for (Py_ssize_t i = 0; i < count; ++i) {
      PyObject* item = decode();
      if (item == nullptr) return nullptr;
      PyTuple_SET_ITEM(made.get(), i, item);
    }
    return made.release();
  }
  // Foreign code (a collector's callback) may look at a list that is not yet full, and must not
  // meet null.
  for (Py_ssize_t i = 0; i < count; ++i) PyList_SET_ITEM(made.get(), i, Py_NewRef(Py_None));
  remember(place, made.get());
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = decode();
    // PyList_SetItem checks the length: that same code may have changed it.
    if (item == nullptr || PyList_SetItem(made.get(), i, item) < 0) return nullptr;
  }
  return made.release();
}

PyObject* Decoder::decode_dict(size_t place) {
  const auto count = reader_.get<uint64_t>();
  Reference made(PyDict_New());
  if (!made) return nullptr;
  remember(place, made.get());
  for (uint64_t i = 0; i < count; ++i) {
    Reference key(decode());
    if (!key) return nullptr;
    Reference item(decode());
    if (!item || PyDict_SetItem(made.get(), key.get(), item.get()) < 0) return nullptr;
  }
  return made.release();
}

PyObject* Decoder::decode_set(Opcode opcode, size_t place) {
  const auto count = reader_.get<uint64_t>();
  Reference made(opcode == Opcode::kSet ? PySet_New(nullptr) : PyFrozenSet_New(nullptr));
  if (!made) return nullptr;
  // A frozenset may be filled only while nobody else refers to it; nothing in it can lead back to
  // it.
  if (opcode == Opcode::kSet) remember(place, made.get());
  for (uint64_t i = 0; i < count; ++i) {
    Reference item(decode());
    if (!item || PySet_Add(made.get(), item.get()) < 0) return nullptr;
  }
  return made.release();
}

PyObject* Decoder::decode_three(Opcode opcode) {
  Reference first(decode());
  Reference second(first ? decode() : nullptr);
  Reference third(second ? decode() : nullptr);
  if (!third) return nullptr;
  if (opcode == Opcode::kSlice) return PySlice_New(first.get(), second.get(), third.get());
  PyObject* arguments[] = {first.get(), second.get(), third.get()};
  return PyObject_Vectorcall(reinterpret_cast<PyObject*>(&PyRange_Type), arguments, 3, nullptr);
}

PyObject* Decoder::decode_handle() {
  const sesha_loan* loan = sesha_lease_loan(message_->leases[reader_.get<uint32_t>()]);
  if (loan->origin != this_interpreter()) {
    PyErr_Format(PyExc_ValueError,
                 "a reference to an object of interpreter %u was sent to interpreter %u: send it "
                 "only to calls of the "
                 "session that it came from, or copy the object out with get()",
                 sesha_interpreter_index(loan->origin),
                 sesha_interpreter_index(this_interpreter()));
    return nullptr;
  }
  return Py_NewRef(static_cast<PyObject*>(loan->context));
}

PyObject* Decoder::decode_pickle() {
  const auto count = static_cast<Py_ssize_t>(reader_.get<uint32_t>());
  PyObject* loads = pickle_loads();
  if (loads == nullptr) return nullptr;
  Reference parts(PyList_New(0));
  if (!parts) return nullptr;
  for (Py_ssize_t i = 0; i < count; ++i) {
    Reference part(decode());
    if (!part || PyList_Append(parts.get(), part.get()) < 0) return nullptr;
  }
  const auto size = static_cast<Py_ssize_t>(reader_.get<uint64_t>());
  auto* data =
      const_cast<char*>(reinterpret_cast<const char*>(reader_.take(static_cast<size_t>(size))));
  Reference pickle(PyMemoryView_FromMemory(data, size, PyBUF_READ));
  Reference keywords(Py_BuildValue("{sO}", "buffers", parts.get()));
  Reference arguments(pickle ? PyTuple_Pack(1, pickle.get()) : nullptr);
  if (!arguments || !keywords) return nullptr;
  Reference value(PyObject_Call(loads, arguments.get(), keywords.get()));
  // Whoever may have got hold of the view must not read the message after its end.
  PyObject *type = nullptr, *error = nullptr, *traceback = nullptr;
  PyErr_Fetch(&type, &error, &traceback);
  Reference released(PyObject_CallMethod(pickle.get(), "release", nullptr));
  if (!released) PyErr_Clear();
  PyErr_Restore(type, error, traceback);
  return value.release();
}

}  // namespace sesha::binding
