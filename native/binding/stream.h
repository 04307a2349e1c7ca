// The byte stream of a message: what follows what.
//
// Each value is an opcode and its body; numbers are native and unaligned, since a message never
// leaves the process.
//
// **This code assumes:** a stream is read by a binding that was built with this header, and was
// written whole.
#ifndef SESHA_BINDING_STREAM_H_
#define SESHA_BINDING_STREAM_H_

#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "exchange/message.h"

namespace sesha::binding {

enum class Opcode : uint8_t {
  kNone,
  kTrue,
  kFalse,
  kEllipsis,
  kSmallInt,     // int8
  kInt,          // int64
  kBigInt,       // uint64 count, little-endian two's complement
  kFloat,        // double
  kComplex,      // two doubles
  kAscii,        // uint64 length, characters
  kText,         // uint8 kind, uint64 length, code points of `kind` bytes
  kBytes,        // uint64 length, bytes
  kLeasedBytes,  // uint32 lease, address, uint64 length
  kByteArray,    // uint64 length, bytes
  kList,         // uint64 count, values
  kTuple,        // uint64 count, values
  kDict,         // uint64 count, keys and values in turn
  kSet,          // uint64 count, values
  kFrozenSet,    // uint64 count, values
  kSlice,        // three values
  kRange,        // three values
  kMemo,         // the value that follows takes the next place in the memo
  kRecall,       // uint32 place in the memo
  kArray,        // ArrayHead, shape, strides (bytes), text of the dtype
  kScalar,       // text of the dtype, uint64 size, bytes
  kTensor,       // TensorHead, shape, strides (elements)
  kForeign,      // text of the module with from_dlpack (or none), TensorHead, shape, strides
  kMemoryView,   // ArrayHead, shape, strides (bytes), text of the format
  kHandle,       // uint32 lease: the object, where it lives
  kKept,         // uint32 lease: a new handle to an object of the sender
  kPickle,       // uint32 count of parts, parts, uint64 size, pickle
};

/// How the function of a call is given.
enum class FunctionForm : uint8_t {
  kName,      // text of the module, text of the qualified name
  kDigest,    // 16 bytes of digest, text of the pickle
  kValue,     // a value
  kInPickle,  // first of the three items of the pickle that follows in place of the arguments
};

/// `lease` of memory that needs none, since it has no bytes.
inline constexpr uint32_t kNoLease = UINT32_MAX;

/// Memory of an array or a memoryview: [low, low + extent) is what the strides reach, the first
/// item is at `data`.
struct ArrayHead {
  char* low;
  char* data;
  size_t extent;
  int64_t itemsize;
  uint32_t lease;
  int32_t ndim;
  uint8_t readonly;
  uint8_t contiguous;  // in C order
};

enum TensorFlags : uint8_t {
  kReadOnly = 1,
  kParameter = 2,
  kRequiresGrad = 4,
  kViewed = 8,  // viewed as uint8 for the way: the text of the dtype follows the strides
};

struct TensorHead {
  char* data;
  int32_t device_type;
  int32_t device_id;
  uint32_t lease;
  int32_t ndim;
  uint8_t dtype_code;
  uint8_t dtype_bits;
  uint16_t dtype_lanes;
  uint8_t flags;
};

/// Appends to a message. After memory ran out it stays failed and writes nothing.
class Writer {
 public:
  explicit Writer(sesha_message* message) : message_(message) {}

  bool failed() const { return failed_; }
  size_t position() const { return message_->size; }

  void write(const void* data, size_t size) {
    uint8_t* room = failed_ ? nullptr : sesha_message_extend(message_, size);
    if (room == nullptr) {
      failed_ = true;
    } else if (size != 0) {
      // The analyzer takes an array's number of dimensions for negative, and its extents for not
      // filled.
      memcpy(room, data, size);  // NOLINT(clang-analyzer-unix.cstring.UninitializedRead)
    }
  }
  template <typename T>
  void put(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    write(&value, sizeof value);
  }
  void put_text(std::string_view text) {
    put<uint32_t>(static_cast<uint32_t>(text.size()));
    write(text.data(), text.size());
  }
  template <typename T>
  void overwrite(size_t position, T value) {
    if (!failed_) memcpy(message_->bytes + position, &value, sizeof value);
  }

 private:
  sesha_message* message_;
  bool failed_ = false;
};

class Reader {
 public:
  explicit Reader(const sesha_message* message) : next_(message->bytes) {}

  const uint8_t* take(size_t size) {
    const uint8_t* data = next_;
    next_ += size;
    return data;
  }
  template <typename T>
  T get() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }
  std::string_view get_text() {
    const auto size = get<uint32_t>();
    return {reinterpret_cast<const char*>(take(size)), size};
  }

 private:
  const uint8_t* next_;
};

}  // namespace sesha::binding

#endif  // SESHA_BINDING_STREAM_H_
