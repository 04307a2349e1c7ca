#include "binding/encoder.h"

#include <string>

#include "binding/arrays.h"
#include "binding/frameworks.h"
#include "binding/interpreter.h"
#include "binding/part_sink.h"
#include "binding/values.h"

namespace sesha::binding {
namespace {

/// Up to here the memo is searched from end to end, which costs less than hashing.
constexpr size_t kSearched = 8;
/// Shorter strings are cheaper to repeat than to remember.
constexpr Py_ssize_t kRemembered = 64;
/// From here on bytes are lent for the way in place of being copied into the message.
constexpr Py_ssize_t kLentBytes = 1 << 16;

void drop_reference(void* context) { Py_DECREF(static_cast<PyObject*>(context)); }

bool is_plain(PyObject* key) {
  const PyTypeObject* type = Py_TYPE(key);
  return type == &PyUnicode_Type || type == &PyLong_Type || type == &PyFloat_Type ||
         type == &PyBytes_Type || key == Py_None;
}

Outcome changed(const char* what) {
  PyErr_Format(PyExc_RuntimeError, "%s changed size while it was being sent", what);
  return Outcome::kError;
}

}  // namespace

Encoder::Encoder(sesha_message_kind kind) : message_(sesha_message_new(kind)), writer_(message_) {}

Encoder::~Encoder() {
  for (PyObject* value : memo_) Py_DECREF(value);
  sesha_message_free(message_);
}

void Encoder::restart() {
  sesha_message_clear(message_);
  std::vector<PyObject*> forgotten;
  forgotten.swap(memo_);
  places_.clear();
  for (PyObject* value : forgotten) Py_DECREF(value);
}

void Encoder::truncate(size_t position) {
  if (!failed()) message_->size = position;
}

sesha_message* Encoder::finish() {
  if (failed()) {
    if (!PyErr_Occurred()) PyErr_NoMemory();
    return nullptr;
  }
  return std::exchange(message_, nullptr);
}

bool Encoder::add_lease(sesha_lease* lease, uint32_t* index) {
  sesha_lease_retain(lease);
  if (sesha_message_add_lease(message_, lease, index) == SESHA_OK) return true;
  PyErr_SetString(PyExc_MemoryError, sesha_last_error());
  return false;
}

bool Encoder::find_lease(char* low, size_t extent, uint32_t* index) {
  sesha_lease* lease = sesha_lease_find(low, extent);
  return lease != nullptr && sesha_message_add_lease(message_, lease, index) == SESHA_OK;
}

bool Encoder::lease_memory(char* low, size_t extent, void (*release)(void*), void* context,
                           uint32_t* index) {
  const sesha_loan loan = {low, extent, this_interpreter(), release, context};
  sesha_lease* lease = sesha_lease_new(&loan);
  if (lease == nullptr) {
    release(context);
    PyErr_NoMemory();
    return false;
  }
  if (sesha_message_add_lease(message_, lease, index) == SESHA_OK) return true;
  PyErr_SetString(PyExc_MemoryError, sesha_last_error());
  return false;
}

bool Encoder::aim(uint32_t index) {
  if (message_->target != SESHA_ANY_INTERPRETER && message_->target != index) {
    PyErr_Format(PyExc_ValueError,
                 "references to objects of interpreter %u and of interpreter %u can't be sent "
                 "together: a call runs in "
                 "one interpreter, and only there its references lead to their objects; copy one "
                 "out with get()",
                 message_->target, index);
    return false;
  }
  message_->target = index;
  return true;
}

bool Encoder::recall(PyObject* value) {
  // What nothing but its container refers to is met only once.
  if (Py_REFCNT(value) == 1) return false;
  uint32_t place = 0;
  bool known = false;
  if (places_.empty()) {
    while (place < memo_.size() && memo_[place] != value) ++place;
    known = place < memo_.size();
  } else if (auto found = places_.find(value); found != places_.end()) {
    place = found->second;
    known = true;
  }
  if (known) {
    writer_.put(Opcode::kRecall);
    writer_.put(place);
    return true;
  }
  memo_.push_back(Py_NewRef(value));
  if (memo_.size() > kSearched) {
    for (auto next = static_cast<uint32_t>(places_.size()); next < memo_.size(); ++next) {
      places_.emplace(memo_[next], next);
    }
  }
  writer_.put(Opcode::kMemo);
  return false;
}

void Encoder::encode_text(PyObject* text) {
#if PY_VERSION_HEX < 0x030C0000
  if (PyUnicode_READY(text) < 0) return;
#endif
  const auto length = static_cast<uint64_t>(PyUnicode_GET_LENGTH(text));
  if (PyUnicode_IS_ASCII(text)) {
    writer_.put(Opcode::kAscii);
    writer_.put(length);
    writer_.write(PyUnicode_DATA(text), length);
  } else {
    const auto kind = static_cast<uint8_t>(PyUnicode_KIND(text));
    writer_.put(Opcode::kText);
    writer_.put(kind);
    writer_.put(length);
    writer_.write(PyUnicode_DATA(text), length * kind);
  }
}

void Encoder::encode_bytes(PyObject* value) {
  const auto size = static_cast<uint64_t>(PyBytes_GET_SIZE(value));
  char* data = PyBytes_AS_STRING(value);
  uint32_t lease = 0;
  if (PyBytes_GET_SIZE(value) >= kLentBytes &&
      lease_memory(data, size, drop_reference, Py_NewRef(value), &lease)) {
    writer_.put(Opcode::kLeasedBytes);
    writer_.put(lease);
    writer_.put(data);
    writer_.put(size);
  } else {
    PyErr_Clear();
    writer_.put(Opcode::kBytes);
    writer_.put(size);
    writer_.write(data, size);
  }
}

Outcome Encoder::encode_int(PyObject* value) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (overflow == 0) {
    if (number >= INT8_MIN && number <= INT8_MAX) {
      writer_.put(Opcode::kSmallInt);
      writer_.put(static_cast<int8_t>(number));
    } else {
      writer_.put(Opcode::kInt);
      writer_.put(static_cast<int64_t>(number));
    }
    return Outcome::kDone;
  }
  const size_t size = _PyLong_NumBits(value) / 8 + 1;  // one bit more, for the sign
  if (PyErr_Occurred()) return Outcome::kError;
  std::string digits(size, '\0');
  auto* buffer = reinterpret_cast<unsigned char*>(digits.data());
  auto* integer = reinterpret_cast<PyLongObject*>(value);
#if PY_VERSION_HEX >= 0x030D0000
  const int status = _PyLong_AsByteArray(integer, buffer, size, 1, 1, 1);
#else
  const int status = _PyLong_AsByteArray(integer, buffer, size, 1, 1);
#endif
  if (status < 0) return Outcome::kError;
  writer_.put(Opcode::kBigInt);
  writer_.put(static_cast<uint64_t>(size));
  writer_.write(digits.data(), size);
  return Outcome::kDone;
}

Outcome Encoder::encode_items(Opcode opcode, PyObject* value) {
  const bool is_list = opcode == Opcode::kList;
  const Py_ssize_t count = is_list ? PyList_GET_SIZE(value) : PyTuple_GET_SIZE(value);
  writer_.put(opcode);
  writer_.put(static_cast<uint64_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (is_list && PyList_GET_SIZE(value) != count) return changed("a list");
    PyObject* item = is_list ? PyList_GET_ITEM(value, i) : PyTuple_GET_ITEM(value, i);
    const Outcome outcome = encode(item);
    if (outcome != Outcome::kDone) return outcome;
  }
  if (is_list && PyList_GET_SIZE(value) != count) return changed("a list");
  return Outcome::kDone;
}

Outcome Encoder::encode_dict(PyObject* value) {
  const Py_ssize_t count = PyDict_GET_SIZE(value);
  writer_.put(Opcode::kDict);
  writer_.put(static_cast<uint64_t>(count));
  Py_ssize_t position = 0;
  Py_ssize_t met = 0;
  PyObject* key = nullptr;
  PyObject* item = nullptr;
  while (PyDict_Next(value, &position, &key, &item)) {
    if (++met > count) return changed("a dict");
    // Foreign code may run while such a key is encoded, and let another thread replace the item.
    Reference kept = is_plain(key) ? Reference() : Reference::borrow(item);
    Outcome outcome = encode(key);
    if (outcome != Outcome::kDone) return outcome;
    if (PyDict_GET_SIZE(value) != count) return changed("a dict");
    outcome = encode(item);
    if (outcome != Outcome::kDone) return outcome;
    if (PyDict_GET_SIZE(value) != count) return changed("a dict");
  }
  return met == count ? Outcome::kDone : changed("a dict");
}

Outcome Encoder::encode_set(Opcode opcode, PyObject* value) {
  const Py_ssize_t count = PySet_GET_SIZE(value);
  writer_.put(opcode);
  writer_.put(static_cast<uint64_t>(count));
  Reference iterator(PyObject_GetIter(value));
  if (!iterator) return Outcome::kError;
  Py_ssize_t met = 0;
  while (Reference item{PyIter_Next(iterator.get())}) {
    ++met;
    const Outcome outcome = encode(item.get());
    if (outcome != Outcome::kDone) return outcome;
  }
  if (PyErr_Occurred()) return Outcome::kError;
  return met == count ? Outcome::kDone : changed("a set");
}

Outcome Encoder::encode_three(Opcode opcode, PyObject* first, PyObject* second, PyObject* third) {
  writer_.put(opcode);
  for (PyObject* value : {first, second, third}) {
    const Outcome outcome = encode(value);
    if (outcome != Outcome::kDone) return outcome;
  }
  return Outcome::kDone;
}

Outcome Encoder::encode_container(PyObject* value) {
  PyTypeObject* type = Py_TYPE(value);
  if (type == &PyDict_Type) return encode_dict(value);
  if (type == &PyList_Type) return encode_items(Opcode::kList, value);
  if (type == &PyTuple_Type) return encode_items(Opcode::kTuple, value);
  if (type == &PySet_Type) return encode_set(Opcode::kSet, value);
  if (type == &PyFrozenSet_Type) return encode_set(Opcode::kFrozenSet, value);
  auto* slice = reinterpret_cast<PySliceObject*>(value);
  return encode_three(Opcode::kSlice, slice->start, slice->stop, slice->step);
}

Outcome Encoder::encode(PyObject* value) {
  PyTypeObject* type = Py_TYPE(value);
  if (value == Py_None) {
    writer_.put(Opcode::kNone);
  } else if (type == &PyUnicode_Type) {
    if (PyUnicode_GET_LENGTH(value) < kRemembered || !recall(value)) encode_text(value);
  } else if (type == &PyLong_Type) {
    return encode_int(value);
  } else if (type == &PyFloat_Type) {
    writer_.put(Opcode::kFloat);
    writer_.put(PyFloat_AS_DOUBLE(value));
  } else if (type == &PyBool_Type) {
    writer_.put(value == Py_True ? Opcode::kTrue : Opcode::kFalse);
  } else if (type == &PyBytes_Type) {
    if (PyBytes_GET_SIZE(value) < kRemembered || !recall(value)) encode_bytes(value);
  } else if (type == &PyDict_Type || type == &PyList_Type || type == &PyTuple_Type ||
             type == &PySet_Type || type == &PyFrozenSet_Type || type == &PySlice_Type) {
    if (recall(value)) return Outcome::kDone;
    if (Py_EnterRecursiveCall(" while a value was being sent")) return Outcome::kError;
    // Another thread may take the container's last other reference away while foreign code runs.
    Reference kept = Reference::borrow(value);
    const Outcome outcome = encode_container(value);
    Py_LeaveRecursiveCall();
    return outcome;
  } else if (type == &PyComplex_Type) {
    writer_.put(Opcode::kComplex);
    writer_.put(PyComplex_RealAsDouble(value));
    writer_.put(PyComplex_ImagAsDouble(value));
  } else if (type == &PyByteArray_Type) {
    if (recall(value)) return Outcome::kDone;
    writer_.put(Opcode::kByteArray);
    writer_.put(static_cast<uint64_t>(PyByteArray_GET_SIZE(value)));
    writer_.write(PyByteArray_AS_STRING(value), static_cast<size_t>(PyByteArray_GET_SIZE(value)));
  } else if (type == &PyRange_Type) {
    Reference start(PyObject_GetAttrString(value, "start"));
    Reference stop(PyObject_GetAttrString(value, "stop"));
    Reference step(PyObject_GetAttrString(value, "step"));
    if (!start || !stop || !step) return Outcome::kError;
    return encode_three(Opcode::kRange, start.get(), stop.get(), step.get());
  } else if (value == Py_Ellipsis) {
    writer_.put(Opcode::kEllipsis);
  } else {
    if (recall(value)) return Outcome::kDone;
    Reference kept = Reference::borrow(value);
    return encode_part(value);
  }
  return Outcome::kDone;
}

Outcome Encoder::encode_part(PyObject* value) {
  if (PyObject_TypeCheck(value, handle_type())) {
    sesha_lease* lease = handle_lease(value);
    uint32_t index = 0;
    if (lease == nullptr || !aim(sesha_interpreter_index(sesha_lease_loan(lease)->origin)) ||
        !add_lease(lease, &index)) {
      return Outcome::kError;
    }
    writer_.put(Opcode::kHandle);
    writer_.put(index);
    return Outcome::kDone;
  }
  return encode_array(*this, value);
}

bool Encoder::encode_pickled(PyObject* value, const char* root) {
  Reference dumps(pickling("dumps"));
  if (!dumps) return false;
  writer_.put(Opcode::kPickle);
  const size_t place_of_count = writer_.position();
  writer_.put(uint32_t{0});
  uint32_t count = 0;
  Reference pickle;
  {
    PartSink sink(this);
    if (!sink.object()) return false;
    pickle = Reference(PyObject_CallFunction(dumps.get(), "OOs", value, sink.object(), root));
    count = sink.count();
  }
  if (!pickle) return false;
  Py_buffer view;
  if (PyObject_GetBuffer(pickle.get(), &view, PyBUF_SIMPLE) < 0) return false;
  writer_.overwrite(place_of_count, count);
  writer_.put(static_cast<uint64_t>(view.len));
  writer_.write(view.buf, static_cast<size_t>(view.len));
  PyBuffer_Release(&view);
  return true;
}

}  // namespace sesha::binding
