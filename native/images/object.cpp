#include "images/object.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

namespace sesha::images {
namespace {

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
constexpr uint32_t kIrelative = R_X86_64_IRELATIVE;
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
constexpr uint32_t kIrelative = R_AARCH64_IRELATIVE;
#else
#error "sesha knows x86-64 and aarch64"
#endif

#ifndef DT_RELR
constexpr int64_t DT_RELRSZ = 35;
constexpr int64_t DT_RELR = 36;
constexpr int64_t DT_RELRENT = 37;
#endif

/// Far above what processors address, far below where sums of addresses overflow.
constexpr uint64_t kHighestAddress = uint64_t{1} << 46;

}  // namespace

uint32_t gnu_hash(std::string_view name) {
  uint32_t hash = 5381;
  for (unsigned char c : name) hash = hash * 33 + c;
  return hash;
}

uint32_t sysv_hash(std::string_view name) {
  uint32_t hash = 0;
  for (unsigned char c : name) {
    hash = (hash << 4) + c;
    hash ^= (hash >> 24) & 0xf0;
    hash &= 0x0fffffff;
  }
  return hash;
}

void Object::fail(const char* what) const {
  throw Error(path_ + ": " + what +
              "; the file is damaged or not a shared library: install its package again");
}

bool Object::is_elf(const std::string& path) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  char magic[SELFMAG] = {};
  bool found =
      ::read(descriptor, magic, SELFMAG) == SELFMAG && std::memcmp(magic, ELFMAG, SELFMAG) == 0;
  ::close(descriptor);
  return found;
}

Object::Identity Object::identify(const struct stat& status) {
  return {status.st_dev, status.st_ino,
          status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
}

// Every guest loads the same files, so one mapping of each serves the whole process.
std::shared_ptr<const Object> Object::open(const std::string& path) {
  static std::mutex& mutex = *new std::mutex();
  static auto& known = *new std::map<std::string, std::weak_ptr<const Object>>();

  std::shared_ptr<Object> object(new Object());
  char real[PATH_MAX];
  object->path_ = path;
  if (realpath(path.c_str(), real) == nullptr) {
    throw Error(path + ": cannot open shared object file: " + std::strerror(errno));
  }
  object->path_ = real;
  const int descriptor = ::open(real, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (descriptor < 0 || fstat(descriptor, &status) != 0) {
    const int cause = errno;
    if (descriptor >= 0) ::close(descriptor);
    throw Error(object->path_ + ": cannot open shared object file: " + std::strerror(cause));
  }
  object->identity_ = identify(status);
  {
    std::scoped_lock lock(mutex);
    auto other = known[object->path_].lock();
    if (other && other->identity_ == object->identity_) {
      ::close(descriptor);
      return other;
    }
  }
  object->size_ = S_ISREG(status.st_mode) ? static_cast<size_t>(status.st_size) : 0;
  object->map(descriptor);
  object->parse();
  std::scoped_lock lock(mutex);
  known[object->path_] = object;
  return object;
}

void Object::map(int descriptor) {
  void* data = size_ < sizeof(Elf64_Ehdr)
                   ? nullptr
                   : mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  const int cause = errno;
  ::close(descriptor);
  if (data == nullptr) fail("file too short");
  if (data == MAP_FAILED) throw Error(path_ + ": cannot map: " + std::strerror(cause));
  data_ = static_cast<const std::byte*>(data);
}

int Object::reopen() const {
  const int descriptor = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (descriptor >= 0 && fstat(descriptor, &status) == 0 && identify(status) == identity_)
    return descriptor;
  if (descriptor >= 0) ::close(descriptor);
  throw Error(path_ + ": was changed or removed while it was being loaded; restart the process");
}

Object::~Object() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

std::string_view Object::origin() const {
  size_t slash = path_.rfind('/');
  return slash == 0 ? "/" : std::string_view(path_).substr(0, slash);
}

std::string_view Object::name() const {
  return std::string_view(path_).substr(path_.rfind('/') + 1);
}

void Object::parse() {
  const Elf64_Ehdr& elf = header();
  if (std::memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0) fail("invalid ELF header");
  if (elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_ident[EI_DATA] != ELFDATA2LSB) {
    fail("wrong ELF class, not 64-bit little-endian");
  }
  if (elf.e_machine != kMachine) fail("built for another machine");
  if (elf.e_type != ET_DYN) fail("not a shared object");
  if (elf.e_phentsize != sizeof(Elf64_Phdr) || elf.e_phoff % 8 != 0 || elf.e_phoff > size_ ||
      elf.e_phnum >= PN_XNUM || elf.e_phnum > (size_ - elf.e_phoff) / sizeof(Elf64_Phdr)) {
    fail("program headers outside the file");
  }
  segments_ = {reinterpret_cast<const Elf64_Phdr*>(data_ + elf.e_phoff), elf.e_phnum};
  uint64_t previous = 0;
  const Elf64_Phdr* dynamic = nullptr;
  for (const Elf64_Phdr& segment : segments_) {
    if (segment.p_type == PT_DYNAMIC) dynamic = &segment;
    if (segment.p_type != PT_LOAD) continue;
    check_segment(segment);
    if (segment.p_vaddr < previous) fail("segments out of order");
    const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    segments_overlap_ |= previous != 0 && segment.p_vaddr / page < (previous + page - 1) / page;
    previous = segment.p_vaddr + segment.p_memsz;
  }
  if (dynamic == nullptr) fail("no dynamic section");
  dynamic_ = table<Elf64_Dyn>(dynamic->p_vaddr, dynamic->p_filesz);
  auto null = std::find_if(dynamic_.begin(), dynamic_.end(),
                           [](const Elf64_Dyn& d) { return d.d_tag == DT_NULL; });
  if (null == dynamic_.end()) fail("dynamic section without an end");
  dynamic_ = dynamic_.first(static_cast<size_t>(null - dynamic_.begin()));
  parse_dynamic();
}

void Object::check_segment(const Elf64_Phdr& segment) const {
  if (segment.p_filesz > segment.p_memsz || segment.p_offset > size_ ||
      segment.p_filesz > size_ - segment.p_offset || segment.p_memsz > kHighestAddress ||
      segment.p_vaddr > kHighestAddress) {
    fail("segment outside the file");
  }
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  if ((segment.p_align & (segment.p_align - 1)) != 0)
    fail("segment with an alignment that is no power of two");
  if ((segment.p_vaddr - segment.p_offset) % page != 0)
    fail("segment that lies differently in file and memory");
}

const std::byte* Object::at(uint64_t address, uint64_t size) const {
  for (const Elf64_Phdr& segment : segments_) {
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr) continue;
    uint64_t offset = address - segment.p_vaddr;
    if (offset <= segment.p_filesz && size <= segment.p_filesz - offset)
      return data_ + segment.p_offset + offset;
  }
  fail("table outside the file");
}

template <typename T>
std::span<const T> Object::table(uint64_t address, uint64_t bytes) const {
  if (bytes == 0) return {};
  const std::byte* begin = at(address, bytes);
  if (reinterpret_cast<uintptr_t>(begin) % alignof(T) != 0) fail("table not aligned");
  return {reinterpret_cast<const T*>(begin), bytes / sizeof(T)};
}

std::optional<uint64_t> Object::entry(int64_t tag) const {
  for (const Elf64_Dyn& item : dynamic_) {
    if (item.d_tag == tag) return item.d_un.d_val;
  }
  return std::nullopt;
}

// What the process's loader takes for granted: it would end the process.
void Object::check_entry_sizes() const {
  constexpr std::pair<int64_t, uint64_t> kSizes[] = {{DT_RELAENT, sizeof(Elf64_Rela)},
                                                     {DT_SYMENT, sizeof(Elf64_Sym)},
                                                     {DT_RELRENT, sizeof(uint64_t)},
                                                     {DT_PLTREL, DT_RELA}};
  for (auto [tag, size] : kSizes) {
    if (entry(tag).value_or(size) != size) fail("table entries of an unknown size");
  }
  if (entry(DT_REL)) fail("relocations without addends");
  if (entry(DT_JMPREL) && !entry(DT_PLTREL)) fail("jump relocations of an unknown kind");
  if (entry(DT_RELA) && !(entry(DT_RELASZ) && entry(DT_RELAENT)))
    fail("relocations of an unknown number");
  if (!entry(DT_STRTAB) || !entry(DT_SYMTAB)) fail("no dynamic symbols");
}

// The process's loader writes wherever a relocation says.
void Object::check_relocations() const {
  const bool anywhere =
      entry(DT_TEXTREL).has_value() || (entry(DT_FLAGS).value_or(0) & DF_TEXTREL) != 0;
  Range last;
  auto check = [&](uint64_t address) {
    if (address >= last.begin && address < last.end) return;
    for (const Elf64_Phdr& segment : segments_) {
      if (segment.p_type != PT_LOAD || segment.p_memsz < 8 ||
          !(anywhere || (segment.p_flags & PF_W) != 0))
        continue;
      last = {segment.p_vaddr, segment.p_vaddr + segment.p_memsz - 7};
      if (address >= last.begin && address < last.end) return;
    }
    fail("relocation outside the writable segments");
  };
  for (auto list : {relocations_, jump_relocations_}) {
    for (const Elf64_Rela& relocation : list) {
      if (ELF64_R_TYPE(relocation.r_info) != 0) check(relocation.r_offset);
    }
  }
  for (uint64_t target : relative_targets()) check(target);
}

void Object::parse_dynamic() {
  check_entry_sizes();
  strings_ = {};
  if (auto address = entry(DT_STRTAB)) {
    auto bytes = table<char>(*address, entry(DT_STRSZ).value_or(0));
    strings_ = {bytes.data(), bytes.size()};
    if (!strings_.empty() && strings_.back() != '\0') fail("string table without an end");
  }
  if (auto address = entry(DT_RELA))
    relocations_ = table<Elf64_Rela>(*address, entry(DT_RELASZ).value_or(0));
  if (auto address = entry(DT_JMPREL)) {
    jump_relocations_ = table<Elf64_Rela>(*address, entry(DT_PLTRELSZ).value_or(0));
  }
  if (auto address = entry(DT_RELR))
    relr_ = table<uint64_t>(*address, entry(DT_RELRSZ).value_or(0));
  if (auto address = entry(DT_SYMTAB)) {
    uint64_t count = count_symbols();
    if (count > size_ / sizeof(Elf64_Sym)) fail("more symbols than the file can hold");
    symbols_ = table<Elf64_Sym>(*address, count * sizeof(Elf64_Sym));
  }
  needs_code_while_loading_ = entry(DT_TEXTREL).has_value() ||
                              (entry(DT_FLAGS).value_or(0) & DF_TEXTREL) != 0 ||
                              std::any_of(symbols_.begin(), symbols_.end(), [](const Elf64_Sym& s) {
                                return ELF64_ST_TYPE(s.st_info) == STT_GNU_IFUNC && s.st_shndx != 0;
                              });
  for (auto list : {relocations_, jump_relocations_}) {
    needs_code_while_loading_ |= std::any_of(list.begin(), list.end(), [](const Elf64_Rela& r) {
      return ELF64_R_TYPE(r.r_info) == kIrelative;
    });
  }
  check_relocations();
}

// The dynamic section does not tell how many symbols there are. The System V table does; the GNU
// table tells where the last defined one stands, and relocations name the undefined ones that
// matter.
uint64_t Object::count_symbols() {
  uint64_t count = 1;
  if (auto address = entry(DT_HASH)) {
    auto head = table<uint32_t>(*address, 8);
    const uint64_t buckets = head[0], chains = head[1];
    auto words = table<uint32_t>(*address, (2 + buckets + chains) * 4);
    sysv_hash_buckets_ = words.subspan(2, buckets);
    sysv_hash_chains_ = words.subspan(2 + buckets);
    sysv_hash_range_ = {*address, *address + words.size_bytes()};
    count = std::max(count, chains);
  }
  if (auto address = entry(DT_GNU_HASH)) count = std::max(count, parse_gnu_hash(*address));
  for (auto list : {relocations_, jump_relocations_}) {
    for (const Elf64_Rela& relocation : list) {
      count = std::max<uint64_t>(count, ELF64_R_SYM(relocation.r_info) + 1);
    }
  }
  return count;
}

// Returns the number of symbols up to the last hashed one.
uint64_t Object::parse_gnu_hash(uint64_t address) {
  auto head = table<uint32_t>(address, 16);
  const uint64_t buckets = head[0], filters = head[2];
  gnu_hash_offset_ = head[1];
  gnu_hash_shift_ = head[3] % 32;
  if (filters == 0 || (filters & (filters - 1)) != 0) fail("hash table with a bad filter");
  const uint64_t first_bucket = address + 16 + filters * 8,
                 first_chain = first_bucket + buckets * 4;
  gnu_hash_filter_ = table<uint64_t>(address + 16, filters * 8);
  gnu_hash_buckets_ = table<uint32_t>(first_bucket, buckets * 4);
  uint64_t last = 0;
  for (uint32_t bucket : gnu_hash_buckets_) last = std::max<uint64_t>(last, bucket);
  uint64_t count = 0;
  if (last >= gnu_hash_offset_) {
    while ((table<uint32_t>(first_chain + (last - gnu_hash_offset_) * 4, 4)[0] & 1) == 0) ++last;
    count = last - gnu_hash_offset_ + 1;
  }
  gnu_hash_chains_ = table<uint32_t>(first_chain, count * 4);
  gnu_hash_range_ = {address, first_chain + count * 4};
  return gnu_hash_offset_ + count;
}

std::string_view Object::string(uint64_t offset) const {
  if (offset >= strings_.size()) fail("string outside its table");
  return strings_.data() + offset;
}

std::string_view Object::soname() const {
  if (auto offset = entry(DT_SONAME)) return string(*offset);
  return name();
}

std::vector<std::string_view> Object::needed() const {
  std::vector<std::string_view> names;
  for (const Elf64_Dyn& item : dynamic_) {
    if (item.d_tag == DT_NEEDED) names.push_back(string(item.d_un.d_val));
  }
  return names;
}

std::optional<std::string_view> Object::rpath() const {
  if (auto offset = entry(DT_RPATH)) return string(*offset);
  return std::nullopt;
}

std::optional<std::string_view> Object::runpath() const {
  if (auto offset = entry(DT_RUNPATH)) return string(*offset);
  return std::nullopt;
}

const Elf64_Sym* Object::find(std::string_view name, uint32_t hash) const {
  auto matches = [&](uint64_t index) {
    if (index >= symbols_.size()) return false;
    const Elf64_Sym& symbol = symbols_[index];
    return symbol.st_shndx != SHN_UNDEF && ELF64_ST_BIND(symbol.st_info) != STB_LOCAL &&
           symbol_name(symbol) == name;
  };
  if (!gnu_hash_filter_.empty()) {
    if (gnu_hash_buckets_.empty()) return nullptr;
    const uint64_t word = gnu_hash_filter_[(hash / 64) & (gnu_hash_filter_.size() - 1)];
    if (((word >> (hash % 64)) & (word >> ((hash >> gnu_hash_shift_) % 64)) & 1) == 0)
      return nullptr;
    uint64_t index = gnu_hash_buckets_[hash % gnu_hash_buckets_.size()];
    if (index < gnu_hash_offset_) return nullptr;
    for (; index - gnu_hash_offset_ < gnu_hash_chains_.size(); ++index) {
      const uint32_t chain = gnu_hash_chains_[index - gnu_hash_offset_];
      if ((chain | 1) == (hash | 1) && matches(index)) return &symbols_[index];
      if ((chain & 1) != 0) return nullptr;
    }
    return nullptr;
  }
  if (sysv_hash_buckets_.empty()) return nullptr;
  uint64_t index = sysv_hash_buckets_[sysv_hash(name) % sysv_hash_buckets_.size()];
  // No chain is longer than all symbols: a circle in a damaged file ends.
  for (size_t steps = 0; index != 0 && steps < sysv_hash_chains_.size(); ++steps) {
    if (matches(index)) return &symbols_[index];
    if (index >= sysv_hash_chains_.size()) return nullptr;
    index = sysv_hash_chains_[index];
  }
  return nullptr;
}

// gABI's description of SHT_RELR: an even word is an address, an odd word a bitmap of the 63 words
// that follow.
std::vector<uint64_t> Object::relative_targets() const {
  std::vector<uint64_t> targets;
  uint64_t where = 0;
  for (uint64_t word : relr_) {
    if ((word & 1) == 0) {
      targets.push_back(word);
      where = word + 8;
      continue;
    }
    for (uint64_t bits = word >> 1, k = 0; bits != 0; bits >>= 1, ++k) {
      if ((bits & 1) != 0) targets.push_back(where + k * 8);
    }
    where += uint64_t{63} * 8;
  }
  return targets;
}

std::vector<Range> Object::ranges_read_by_loader() const {
  std::vector<Range> ranges;
  auto add = [&](uint64_t begin, uint64_t bytes) {
    if (bytes != 0) ranges.push_back({begin, begin + bytes});
  };
  add(gnu_hash_range_.begin, gnu_hash_range_.end - gnu_hash_range_.begin);
  if (auto versions = entry(DT_VERSYM)) add(*versions, symbols_.size() * 2);
  if (auto address = entry(DT_RELA)) add(*address, relocations_.size_bytes());
  if (auto address = entry(DT_JMPREL)) add(*address, jump_relocations_.size_bytes());
  if (auto address = entry(DT_RELR)) add(*address, relr_.size_bytes());
  for (const Elf64_Phdr& segment : segments_) {
    if (segment.p_type == PT_TLS || segment.p_type == PT_NOTE ||
        segment.p_type == PT_GNU_PROPERTY) {
      add(segment.p_vaddr, segment.p_filesz);
    }
  }
  return ranges;
}

}  // namespace sesha::images
