// A shared object as it lies on disk: 64-bit little-endian ELF, read through one mapping and
// checked.
//
// Every accessor stays inside the file, whatever the file says: a damaged or hostile object gives
// an Error and never a fault. Formats: System V ABI (gABI) chapters 4 and 5; GNU hash and versions
// as in glibc's elf/.
#ifndef SESHA_IMAGES_OBJECT_H_
#define SESHA_IMAGES_OBJECT_H_

#include <elf.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sesha::images {

/// What went wrong with an image or its object: the text names the file, the cause and the next
/// step.
class Error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Hash functions of the two symbol tables.
uint32_t gnu_hash(std::string_view name);
uint32_t sysv_hash(std::string_view name);

/// A half-open range of virtual addresses (relative to the load address).
struct Range {
  uint64_t begin = 0;
  uint64_t end = 0;
};

/// Immutable after open(), so that any number of threads may read it.
class Object {
 public:
  /// Maps and checks the file, or finds it open already; throws Error. Thread-safe.
  static std::shared_ptr<const Object> open(const std::string& path);
  /// Whether the file at `path` is an ELF file at all; never throws.
  static bool is_elf(const std::string& path);

  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  ~Object();

  /// The path without symbolic links.
  const std::string& path() const { return path_; }
  /// The folder of path(): what $ORIGIN stands for.
  std::string_view origin() const;
  std::string_view name() const;
  /// Opens the same file again, for mapping more of it; throws Error when another file has taken
  /// its place.
  int reopen() const;
  /// Tells files apart, also one that was written anew under the same name.
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    int64_t changed = 0;
    bool operator==(const Identity&) const = default;
  };
  const Identity& identity() const { return identity_; }
  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }

  const Elf64_Ehdr& header() const { return *reinterpret_cast<const Elf64_Ehdr*>(data_); }
  std::span<const Elf64_Phdr> segments() const { return segments_; }
  std::span<const Elf64_Dyn> dynamic() const { return dynamic_; }
  std::optional<uint64_t> entry(int64_t tag) const;

  std::span<const Elf64_Sym> symbols() const { return symbols_; }
  std::string_view strings() const { return strings_; }
  /// The string at `offset` of the dynamic string table; throws Error when it is outside.
  std::string_view string(uint64_t offset) const;
  std::string_view symbol_name(const Elf64_Sym& symbol) const { return string(symbol.st_name); }
  /// DT_SONAME, or else the file's name.
  std::string_view soname() const;
  std::vector<std::string_view> needed() const;
  std::optional<std::string_view> rpath() const;
  std::optional<std::string_view> runpath() const;

  /// Whether a symbol of that name is defined and visible to other objects.
  bool defines(std::string_view name) const { return defines(name, gnu_hash(name)); }
  bool defines(std::string_view name, uint32_t name_gnu_hash) const {
    return find(name, name_gnu_hash) != nullptr;
  }
  /// That symbol; null when there is none.
  const Elf64_Sym* find(std::string_view name, uint32_t name_gnu_hash) const;

  /// Relocations with addends: DT_RELA, then DT_JMPREL.
  std::span<const Elf64_Rela> relocations() const { return relocations_; }
  std::span<const Elf64_Rela> jump_relocations() const { return jump_relocations_; }
  /// The addresses that DT_RELR relocates.
  std::vector<uint64_t> relative_targets() const;
  /// Whether the loader runs code of this object while it relocates (IRELATIVE, IFUNC) or writes
  /// into code.
  bool needs_code_while_loading() const { return needs_code_while_loading_; }
  /// Whether a page holds the end of one segment and the beginning of the next in the same place in
  /// memory.
  bool segments_overlap() const { return segments_overlap_; }

  /// File contents at a virtual address; throws Error unless [address, address + size) is backed by
  /// the file.
  const std::byte* at(uint64_t address, uint64_t size) const;
  /// The byte ranges of the read-only segments that the loader reads while it loads.
  std::vector<Range> ranges_read_by_loader() const;

 private:
  Object() = default;
  static Identity identify(const struct stat& status);
  void map(int descriptor);
  void parse();
  void parse_dynamic();
  void check_segment(const Elf64_Phdr& segment) const;
  void check_entry_sizes() const;
  void check_relocations() const;
  uint64_t count_symbols();
  uint64_t parse_gnu_hash(uint64_t address);
  [[noreturn]] void fail(const char* what) const;
  template <typename T>
  std::span<const T> table(uint64_t address, uint64_t bytes) const;

  std::string path_;
  Identity identity_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  std::span<const Elf64_Phdr> segments_;
  std::span<const Elf64_Dyn> dynamic_;
  std::span<const Elf64_Sym> symbols_;
  std::string_view strings_;
  std::span<const Elf64_Rela> relocations_;
  std::span<const Elf64_Rela> jump_relocations_;
  std::span<const uint64_t> relr_;
  // DT_GNU_HASH: a Bloom filter, then for each bucket its first symbol, then the hashes of all
  // hashed symbols.
  Range gnu_hash_range_;
  uint32_t gnu_hash_offset_ = 0;
  uint32_t gnu_hash_shift_ = 0;
  std::span<const uint64_t> gnu_hash_filter_;
  std::span<const uint32_t> gnu_hash_buckets_;
  std::span<const uint32_t> gnu_hash_chains_;
  // DT_HASH: for each bucket its first symbol, then for each symbol the next one.
  Range sysv_hash_range_;
  std::span<const uint32_t> sysv_hash_buckets_;
  std::span<const uint32_t> sysv_hash_chains_;
  bool needs_code_while_loading_ = false;
  bool segments_overlap_ = false;
};

}  // namespace sesha::images

#endif  // SESHA_IMAGES_OBJECT_H_
