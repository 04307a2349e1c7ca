#include "binding/codec.h"

#include <string>

#include "binding/call.h"
#include "binding/decoder.h"
#include "binding/encoder.h"
#include "binding/frameworks.h"
#include "binding/functions.h"

namespace sesha::binding {
namespace {

/// Writes a value natively, or pickled whole if it must be.
bool encode_whole(Encoder& encoder, PyObject* value, const char* root) {
  switch (encoder.encode(value)) {
    case Outcome::kDone:
      return true;
    case Outcome::kError:
      return false;
    case Outcome::kUnknown:
      break;
  }
  encoder.restart();
  return encoder.encode_pickled(value, root);
}

/// Arguments after a function that is written. The items of the tuple and of the dict, which are
/// the call's own.
Outcome encode_arguments(Encoder& encoder, PyObject* args, PyObject* kwargs) {
  Writer& writer = encoder.writer();
  writer.put(static_cast<uint32_t>(PyTuple_GET_SIZE(args)));
  writer.put(static_cast<uint32_t>(kwargs != nullptr ? PyDict_GET_SIZE(kwargs) : 0));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); ++i) {
    const Outcome outcome = encoder.encode(PyTuple_GET_ITEM(args, i));
    if (outcome != Outcome::kDone) return outcome;
  }
  if (kwargs == nullptr || PyDict_GET_SIZE(kwargs) == 0) return Outcome::kDone;
  // A copy of the items: foreign code that encoding runs may change a dict, but not this list.
  Reference items(PyDict_Items(kwargs));
  if (!items) return Outcome::kError;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items.get()); ++i) {
    PyObject* item = PyList_GET_ITEM(items.get(), i);
    for (Py_ssize_t side = 0; side < 2; ++side) {
      const Outcome outcome = encoder.encode(PyTuple_GET_ITEM(item, side));
      if (outcome != Outcome::kDone) return outcome;
    }
  }
  return Outcome::kDone;
}

/// `fn` null: the function stands before in another form.
bool encode_call_pickled(Encoder& encoder, PyObject* fn, PyObject* args, PyObject* kwargs) {
  Reference call(
      PyTuple_Pack(3, fn != nullptr ? fn : Py_None, args, kwargs != nullptr ? kwargs : Py_None));
  return call && encoder.encode_pickled(call.get(), "call");
}

constexpr uint32_t kPickledArguments = UINT32_MAX;

bool write_call(Encoder& encoder, PyObject* fn, PyObject* args, PyObject* kwargs) {
  Outcome outcome = encode_function(encoder, fn);
  if (outcome == Outcome::kError) return false;
  if (outcome == Outcome::kDone) {
    outcome = encode_arguments(encoder, args, kwargs);
    if (outcome != Outcome::kUnknown) return outcome == Outcome::kDone;
    encoder.restart();
    // The same form as before, since nothing has run that could have changed it, or a pickle if
    // something did.
    outcome = encode_function(encoder, fn);
    if (outcome == Outcome::kError) return false;
    if (outcome == Outcome::kDone) {
      encoder.writer().put(kPickledArguments);
      return encode_call_pickled(encoder, nullptr, args, kwargs);
    }
  }
  encoder.restart();
  encoder.writer().put(FunctionForm::kInPickle);
  return encode_call_pickled(encoder, fn, args, kwargs);
}

/// Takes the exception that is set, with its traceback attached; null if none is.
Reference take_exception() {
#if PY_VERSION_HEX >= 0x030C0000
  return Reference(PyErr_GetRaisedException());
#else
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  if (type == nullptr) return Reference();
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(value, traceback);
  Py_DECREF(type);
  Py_XDECREF(traceback);
  return Reference(value);
#endif
}

/// Name, message and traceback of an exception as three strs; never fails but for want of memory.
Reference describe(PyObject* exception) {
  Reference function(pickling("describe_exception"));
  Reference texts(function ? PyObject_CallOneArg(function.get(), exception) : nullptr);
  if (texts && PyTuple_CheckExact(texts.get()) && PyTuple_GET_SIZE(texts.get()) == 3) return texts;
  Reference cause = take_exception();
  const std::string why = cause ? Py_TYPE(cause.get())->tp_name : "an odd answer";
  PyErr_Clear();
  return Reference(Py_BuildValue("(sss)", Py_TYPE(exception)->tp_name, "",
                                 ("(the traceback could not be written: " + why + ")").c_str()));
}

PyObject* raise_reply(const sesha_message* reply) {
  Decoder decoder(reply);
  Reference texts(decoder.decode());
  if (!texts) return nullptr;
  Reference before(pickling("dynamic_classes"));
  Reference known(before ? PyObject_CallNoArgs(before.get()) : nullptr);
  Reference rebuild(pickling("rebuild_exception"));
  if (!known || !rebuild) return nullptr;
  Reference exception(decoder.decode());
  if (!exception) {
    if (!PyErr_ExceptionMatches(PyExc_Exception)) return nullptr;
    PyErr_Clear();
    exception = Reference::borrow(Py_None);
  }
  Reference raised(
      PyObject_CallFunction(rebuild.get(), "OOO", exception.get(), texts.get(), known.get()));
  if (!raised) return nullptr;
  if (PyExceptionInstance_Check(raised.get())) {
    PyErr_SetObject(PyExceptionInstance_Class(raised.get()), raised.get());
  } else {
    PyErr_SetString(PyExc_SystemError, "a remote exception could not be rebuilt");
  }
  return nullptr;
}

}  // namespace

sesha_message* encode_call(PyObject* fn, PyObject* args, PyObject* kwargs) {
  // The host enters no call of its own: what guests gave back is released where it sends and
  // receives.
  run_releases();
  Encoder encoder(SESHA_MESSAGE_CALL);
  if (encoder.failed()) return reinterpret_cast<sesha_message*>(PyErr_NoMemory());
  return write_call(encoder, fn, args, kwargs) ? encoder.finish() : nullptr;
}

sesha_message* encode_value(PyObject* value, const char* root) {
  Encoder encoder(SESHA_MESSAGE_VALUE);
  if (encoder.failed()) return reinterpret_cast<sesha_message*>(PyErr_NoMemory());
  return encode_whole(encoder, value, root) ? encoder.finish() : nullptr;
}

sesha_message* encode_kept(sesha_lease* lease) {
  Encoder encoder(SESHA_MESSAGE_VALUE);
  uint32_t index = 0;
  const bool added = !encoder.failed() && encoder.add_lease(lease, &index);
  sesha_lease_release(lease);
  if (!added) return reinterpret_cast<sesha_message*>(PyErr_NoMemory());
  encoder.writer().put(Opcode::kKept);
  encoder.writer().put(index);
  return encoder.finish();
}

sesha_message* encode_exception() {
  Reference exception = take_exception();
  if (!exception) {
    PyErr_SetString(PyExc_SystemError, "a call failed without an exception");
    exception = take_exception();
  }
  Encoder encoder(SESHA_MESSAGE_EXCEPTION);
  if (encoder.failed() || !exception) return nullptr;
  Reference texts = describe(exception.get());
  if (!texts || encoder.encode(texts.get()) != Outcome::kDone) {
    PyErr_Clear();
    return nullptr;
  }
  const size_t before = encoder.writer().position();
  if (!encoder.encode_pickled(exception.get(), "exception")) {
    PyErr_Clear();
    encoder.truncate(before);
    encoder.writer().put(Opcode::kNone);
  }
  sesha_message* message = encoder.finish();
  if (message == nullptr) PyErr_Clear();
  return message;
}

int decode_call(const sesha_message* message, PyObject** fn, PyObject** args, PyObject** kwargs) {
  Decoder decoder(message);
  const auto form = decoder.reader().get<FunctionForm>();
  Reference function;
  if (form != FunctionForm::kInPickle) {
    function = Reference(decode_function(decoder, form));
    if (!function) return -1;
  }
  const uint32_t count =
      form == FunctionForm::kInPickle ? kPickledArguments : decoder.reader().get<uint32_t>();
  if (count == kPickledArguments) {
    Reference call(decoder.decode());
    if (!call) return -1;
    if (form == FunctionForm::kInPickle)
      function = Reference::borrow(PyTuple_GET_ITEM(call.get(), 0));
    *args = Py_NewRef(PyTuple_GET_ITEM(call.get(), 1));
    PyObject* keywords = PyTuple_GET_ITEM(call.get(), 2);
    *kwargs = keywords == Py_None ? nullptr : Py_NewRef(keywords);
    *fn = function.release();
    return 0;
  }
  const auto keyword_count = decoder.reader().get<uint32_t>();
  Reference arguments(PyTuple_New(static_cast<Py_ssize_t>(count)));
  if (!arguments) return -1;
  for (uint32_t i = 0; i < count; ++i) {
    PyObject* value = decoder.decode();
    if (value == nullptr) return -1;
    PyTuple_SET_ITEM(arguments.get(), static_cast<Py_ssize_t>(i), value);
  }
  Reference keywords(keyword_count != 0 ? PyDict_New() : nullptr);
  if (keyword_count != 0 && !keywords) return -1;
  for (uint32_t i = 0; i < keyword_count; ++i) {
    Reference key(decoder.decode());
    Reference value(key ? decoder.decode() : nullptr);
    if (!value || PyDict_SetItem(keywords.get(), key.get(), value.get()) < 0) return -1;
  }
  *fn = function.release();
  *args = arguments.release();
  *kwargs = keywords.release();
  return 0;
}

PyObject* decode_value(const sesha_message* message) { return Decoder(message).decode(); }

PyObject* decode_reply(sesha_message* reply) {
  PyObject* value =
      reply->kind == SESHA_MESSAGE_EXCEPTION ? raise_reply(reply) : decode_value(reply);
  sesha_message_free(reply);
  run_releases();
  return value;
}

}  // namespace sesha::binding
