// torch's tensors and those of other libraries, by DLPack.
#include "binding/tensors.h"

#include <string>

#include "binding/arrays.h"
#include "binding/frameworks.h"
#include "binding/tensor_object.h"
#include "exchange/leased_tensor.h"

namespace sesha::binding {
namespace {

void release_managed(void* context) {
  auto* managed = static_cast<DLManagedTensorVersioned*>(context);
  if (managed->deleter != nullptr) managed->deleter(managed);
}

void drop_reference(void* context) { Py_DECREF(static_cast<PyObject*>(context)); }

/// Memory of a tensor. `items` false: nothing to lend.
struct Extent {
  char* low = nullptr;
  size_t size = 0;
  bool items = false;
};

/// False if this project can't say which bytes the tensor reaches.
bool measure(const DLTensor& tensor, Extent* extent) {
  const int bits = tensor.dtype.bits * tensor.dtype.lanes;
  if (bits == 0 || bits % 8 != 0 || tensor.ndim < 0) return false;
  int64_t low = 0;
  int64_t high = bits / 8;
  extent->items = true;
  int64_t packed = bits / 8;
  for (int32_t i = tensor.ndim - 1; i >= 0; --i) {
    const int64_t stride = tensor.strides != nullptr ? tensor.strides[i] * (bits / 8) : packed;
    if (tensor.shape[i] == 0) extent->items = false;
    const int64_t span = (tensor.shape[i] - 1) * stride;
    (span < 0 ? low : high) += span;
    packed *= tensor.shape[i];
  }
  if (!extent->items) return true;
  extent->low = static_cast<char*>(tensor.data) + tensor.byte_offset + low;
  extent->size = static_cast<size_t>(high - low);
  return tensor.data != nullptr;
}

/// A torch tensor whose bytes are its values: without torch's lazy conjugation and negation.
Reference resolved(PyObject* value) {
  for (const auto& [question, answer] :
       {std::pair("is_conj", "resolve_conj"), std::pair("is_neg", "resolve_neg")}) {
    Reference lazy(PyObject_CallMethodNoArgs(value, interned(question)));
    if (!lazy) return Reference();
    if (lazy.get() != Py_True) continue;
    Reference plain(PyObject_CallMethodNoArgs(value, interned(answer)));
    return plain ? resolved(plain.get()) : Reference();
  }
  return Reference::borrow(value);
}

/// The tensor that a capsule of `__dlpack__` holds; null with an exception.
const DLTensor* tensor_of_capsule(PyObject* capsule, bool* readonly) {
  if (PyCapsule_IsValid(capsule, "dltensor_versioned")) {
    const auto* managed =
        static_cast<DLManagedTensorVersioned*>(PyCapsule_GetPointer(capsule, "dltensor_versioned"));
    if (managed->version.major == DLPACK_MAJOR_VERSION) {
      *readonly = (managed->flags & DLPACK_FLAG_BITMASK_READ_ONLY) != 0;
      return &managed->dl_tensor;
    }
    PyErr_Format(PyExc_BufferError, "DLPack %u was asked for a tensor and gave one of version %u",
                 DLPACK_MAJOR_VERSION, managed->version.major);
    return nullptr;
  }
  *readonly = false;
  auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, "dltensor"));
  return managed != nullptr ? &managed->dl_tensor : nullptr;
}

/// Leases what a capsule holds, which owns it until the lease ends, and writes head, shape and
/// strides.
Outcome encode_capsule(Encoder& encoder, PyObject* capsule, uint8_t flags) {
  bool readonly = false;
  const DLTensor* tensor = tensor_of_capsule(capsule, &readonly);
  Extent extent;
  if (tensor == nullptr) return Outcome::kError;
  if (!measure(*tensor, &extent)) return Outcome::kUnknown;
  uint32_t lease = kNoLease;
  if (extent.items) {
    // An address means memory on the CPU only; elsewhere the lease is of the capsule.
    const bool addressed = tensor->device.device_type == kDLCPU;
    if (!(addressed && encoder.find_lease(extent.low, extent.size, &lease)) &&
        !encoder.lease_memory(addressed ? extent.low : nullptr, extent.size, drop_reference,
                              Py_NewRef(capsule), &lease)) {
      return Outcome::kError;
    }
  }
  write_tensor(encoder.writer(), *tensor, lease, flags | (readonly ? kReadOnly : 0));
  return Outcome::kDone;
}

/// With torch's C functions. kUnknown, with nothing written, if DLPack has no words for the tensor.
Outcome encode_by_api(Encoder& encoder, PyObject* value, const DLPackExchangeAPI& api,
                      uint8_t flags) {
  DLTensor tensor{};
  Extent extent;
  if (api.dltensor_from_py_object_no_sync(value, &tensor) != 0) {
    PyErr_Clear();
    return Outcome::kUnknown;
  }
  if (tensor.device.device_type != kDLCPU || !measure(tensor, &extent)) return Outcome::kUnknown;
  uint32_t lease = kNoLease;
  if (extent.items && !encoder.find_lease(extent.low, extent.size, &lease)) {
    DLManagedTensorVersioned* managed = nullptr;
    if (api.managed_tensor_from_py_object_no_sync(value, &managed) != 0) {
      PyErr_Clear();
      return Outcome::kUnknown;
    }
    if (!encoder.lease_memory(extent.low, extent.size, release_managed, managed, &lease))
      return Outcome::kError;
  }
  encoder.writer().put(Opcode::kTensor);
  write_tensor(encoder.writer(), tensor, lease, flags);
  return Outcome::kDone;
}

/// With `__dlpack__`: for a torch without C functions, and for devices, whose streams it brings in
/// step.
Outcome encode_by_capsule(Encoder& encoder, PyObject* value, uint8_t flags) {
  Reference plain(PyObject_CallMethodNoArgs(value, interned("detach")));
  Reference capsule(plain ? PyObject_CallMethodNoArgs(plain.get(), interned("__dlpack__"))
                          : nullptr);
  if (!capsule) {
    PyErr_Clear();
    return Outcome::kUnknown;
  }
  const size_t before = encoder.writer().position();
  encoder.writer().put(Opcode::kTensor);
  const Outcome outcome = encode_capsule(encoder, capsule.get(), flags);
  if (outcome != Outcome::kDone) encoder.truncate(before);
  return outcome;
}

/// A dtype of one byte that DLPack does not know travels as uint8 and is viewed as its own again.
Outcome encode_viewed(Encoder& encoder, PyObject* value, const Torch& torch, uint8_t flags) {
  Reference quantised(PyObject_GetAttrString(value, "is_quantized"));
  // Its scales would stay behind.
  if (quantised.get() != Py_False) {
    PyErr_Clear();
    return Outcome::kUnknown;
  }
  Reference dtype(PyObject_GetAttrString(value, "dtype"));
  Reference itemsize(dtype ? PyObject_GetAttrString(dtype.get(), "itemsize") : nullptr);
  Reference uint8(PyObject_GetAttrString(torch.module, "uint8"));
  Reference text(dtype ? PyObject_Str(dtype.get()) : nullptr);
  const char* name = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
  Reference viewed;
  if (itemsize && uint8 && name != nullptr && strncmp(name, "torch.", 6) == 0 &&
      dtype.get() != uint8.get() && PyLong_AsLong(itemsize.get()) == 1) {
    viewed = Reference(PyObject_CallMethod(value, "view", "O", uint8.get()));
  }
  if (!viewed) {
    PyErr_Clear();
    return Outcome::kUnknown;
  }
  const Outcome outcome = encode_by_capsule(encoder, viewed.get(), flags | kViewed);
  if (outcome == Outcome::kDone) encoder.writer().put_text(name + 6);
  return outcome;
}

struct Arrived {
  DLTensor tensor{};
  sesha_lease* lease = nullptr;
  uint8_t flags = 0;
  int64_t extents[128];
  std::vector<int64_t> more;  // only beyond 64 dimensions
};

void read_tensor(Reader& reader, const sesha_message* message, Arrived* arrived) {
  const auto head = reader.get<TensorHead>();
  const auto count = static_cast<size_t>(head.ndim);
  int64_t* extents = arrived->extents;
  if (2 * count > std::size(arrived->extents)) {
    arrived->more.resize(2 * count);
    extents = arrived->more.data();
  }
  const size_t size = 2 * count * sizeof(int64_t);
  memcpy(extents, reader.take(size), size);
  arrived->tensor = {.data = head.data,
                     .device = {head.device_type, head.device_id},
                     .ndim = head.ndim,
                     .dtype = {head.dtype_code, head.dtype_bits, head.dtype_lanes},
                     .shape = extents,
                     .strides = extents + count,
                     .byte_offset = 0};
  arrived->lease = head.lease == kNoLease ? nullptr : message->leases[head.lease];
  arrived->flags = head.flags;
}

Reference to_torch(const Arrived& arrived, const Torch& torch) {
  if (torch.api == nullptr || arrived.tensor.device.device_type != kDLCPU) {
    Reference own(tensor_object(arrived.tensor, arrived.lease, false));
    return own ? Reference(PyObject_CallMethod(torch.module, "from_dlpack", "O", own.get()))
               : Reference();
  }
  DLManagedTensorVersioned* managed = sesha_leased_tensor(&arrived.tensor, arrived.lease, 0);
  if (managed == nullptr) return Reference(PyErr_NoMemory());
  void* made = nullptr;
  // torch takes the tensor over in every case.
  if (torch.api->managed_tensor_to_py_object_no_sync(managed, &made) != 0) return Reference();
  return Reference(static_cast<PyObject*>(made));
}

/// `__dlpack__` with the newest version that is understood here, or without that word for older
/// libraries.
Reference ask_dlpack(PyObject* value) {
  Reference method(PyObject_GetAttr(value, interned("__dlpack__")));
  if (!method) return Reference();
  Reference none(PyTuple_New(0));
  Reference version(
      Py_BuildValue("{s(II)}", "max_version", DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION));
  if (!none || !version) return Reference();
  Reference capsule(PyObject_Call(method.get(), none.get(), version.get()));
  if (!capsule && PyErr_ExceptionMatches(PyExc_TypeError)) {
    PyErr_Clear();
    capsule = Reference(PyObject_CallNoArgs(method.get()));
  }
  return capsule;
}

}  // namespace

void write_tensor(Writer& writer, const DLTensor& tensor, uint32_t lease, uint8_t flags) {
  TensorHead head{};
  head.data = static_cast<char*>(tensor.data) + tensor.byte_offset;
  head.device_type = tensor.device.device_type;
  head.device_id = tensor.device.device_id;
  head.lease = lease;
  head.ndim = tensor.ndim;
  head.dtype_code = tensor.dtype.code;
  head.dtype_bits = tensor.dtype.bits;
  head.dtype_lanes = tensor.dtype.lanes;
  head.flags = flags;
  // Memory without items needs no owner, so its address is not passed on.
  if (lease == kNoLease) head.data = nullptr;
  writer.put(head);
  const auto count = static_cast<size_t>(tensor.ndim);
  writer.write(tensor.shape, count * sizeof(int64_t));
  if (tensor.strides != nullptr || count == 0) {
    writer.write(tensor.strides, count * sizeof(int64_t));
    return;
  }
  std::vector<int64_t> packed(count, 1);
  for (size_t i = count - 1; i > 0; --i) packed[i - 1] = packed[i] * tensor.shape[i];
  writer.write(packed.data(), count * sizeof(int64_t));
}

Outcome encode_torch(Encoder& encoder, PyObject* value, bool is_parameter) {
  const Torch& torch = *imported_torch();
  uint8_t flags = 0;
  if (is_parameter) {
    Reference requires_grad(PyObject_GetAttr(value, interned("requires_grad")));
    if (!requires_grad) return Outcome::kError;
    flags = kParameter | (requires_grad.get() == Py_True ? kRequiresGrad : 0);
  }
  Reference plain = resolved(value);
  if (!plain) {
    PyErr_Clear();
    return Outcome::kUnknown;
  }
  Outcome outcome = Outcome::kUnknown;
  if (torch.api != nullptr) outcome = encode_by_api(encoder, plain.get(), *torch.api, flags);
  if (outcome == Outcome::kUnknown) outcome = encode_by_capsule(encoder, plain.get(), flags);
  if (outcome == Outcome::kUnknown) outcome = encode_viewed(encoder, plain.get(), torch, flags);
  return outcome;
}

Outcome encode_foreign(Encoder& encoder, PyObject* value) {
  Reference capsule = ask_dlpack(value);
  if (!capsule) {
    // It said no (a sparse array, say): a pickle may still carry it.
    if (!PyErr_ExceptionMatches(PyExc_Exception)) return Outcome::kError;
    PyErr_Clear();
    return Outcome::kUnknown;
  }
  Reference name(pickling("dlpack_namespace"));
  Reference module(name ? PyObject_CallOneArg(name.get(), value) : nullptr);
  Py_ssize_t size = 0;
  const char* text = module ? PyUnicode_AsUTF8AndSize(module.get(), &size) : nullptr;
  if (text == nullptr) return Outcome::kError;
  encoder.writer().put(Opcode::kForeign);
  encoder.writer().put_text({text, static_cast<size_t>(size)});
  return encode_capsule(encoder, capsule.get(), 0);
}

PyObject* decode_torch(Reader& reader, const sesha_message* message) {
  Arrived arrived;
  read_tensor(reader, message, &arrived);
  const std::string name((arrived.flags & kViewed) != 0 ? reader.get_text() : std::string_view());
  const Torch* torch = import_torch();
  if (torch == nullptr) return nullptr;
  Reference tensor = to_torch(arrived, *torch);
  if (tensor && !name.empty()) {
    Reference dtype(PyObject_GetAttrString(torch->module, name.c_str()));
    if (!dtype) return nullptr;
    tensor = Reference(PyObject_CallMethod(tensor.get(), "view", "O", dtype.get()));
  }
  if (!tensor || (arrived.flags & kParameter) == 0) return tensor.release();
  PyObject* arguments[] = {tensor.get(), (arrived.flags & kRequiresGrad) != 0 ? Py_True : Py_False};
  return PyObject_Vectorcall(reinterpret_cast<PyObject*>(torch->parameter), arguments, 2, nullptr);
}

PyObject* decode_foreign(Reader& reader, const sesha_message* message) {
  const std::string name(reader.get_text());
  Arrived arrived;
  read_tensor(reader, message, &arrived);
  Reference own(tensor_object(arrived.tensor, arrived.lease, (arrived.flags & kReadOnly) != 0));
  if (!own || name.empty()) return own.release();
  Reference module(PyImport_ImportModule(name.c_str()));
  return module ? PyObject_CallMethod(module.get(), "from_dlpack", "O", own.get()) : nullptr;
}

}  // namespace sesha::binding
