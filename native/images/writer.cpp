#include "images/writer.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_map>

#include "images/naming.h"

namespace sesha::images {
namespace {

#if defined(__aarch64__)
constexpr uint64_t kPage = 65536;  // the largest page that the architecture has
#else
constexpr uint64_t kPage = 4096;
#endif

constexpr uint64_t align_up(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

/// Entries of the dynamic section that an image goes without, besides those that it has anew.
bool is_dropped(int64_t tag) {
  switch (tag) {
    case DT_NEEDED:  // written anew
    case DT_SONAME:
    case DT_STRTAB:
    case DT_STRSZ:
    case DT_SYMTAB:
    case DT_HASH:
    case DT_VERNEED:
    case DT_VERDEF:
    case DT_FLAGS_1:
    case DT_RPATH:  // the loader never searches for an image
    case DT_RUNPATH:
    case DT_INIT:  // run after the code has been mapped
    case DT_INIT_ARRAY:
    case DT_INIT_ARRAYSZ:
    case DT_PREINIT_ARRAY:
    case DT_PREINIT_ARRAYSZ:
    case DT_FINI:  // guests end without destructors
    case DT_FINI_ARRAY:
    case DT_FINI_ARRAYSZ:
    case DT_AUXILIARY:  // names of further libraries and of prelink's leftovers
    case DT_FILTER:
    case DT_CONFIG:
    case DT_DEPAUDIT:
    case DT_AUDIT:
    case DT_GNU_PRELINKED:
    case DT_GNU_CONFLICT:
    case DT_GNU_CONFLICTSZ:
    case DT_GNU_LIBLIST:
    case DT_GNU_LIBLISTSZ:
    case DT_CHECKSUM:
      return true;
    default:
      return false;
  }
}

/// A version's number has 15 bits.
constexpr unsigned kMostVersions = 1 << 15;

/// A dynamic string table that grows; equal strings are stored once.
class Strings {
 public:
  Strings() : bytes_(1, '\0') {}
  uint64_t add(std::string_view text) {
    if (text.empty()) return 0;
    auto [place, added] = offsets_.try_emplace(std::string(text), bytes_.size());
    if (added) bytes_.append(text).push_back('\0');
    return place->second;
  }
  /// Adds without looking for an equal one: symbol names are unique but for versions.
  uint64_t append(std::string_view text) {
    uint64_t offset = bytes_.size();
    bytes_.append(text).push_back('\0');
    return offset;
  }
  void pad_to(uint64_t size) { bytes_.resize(size, '\0'); }
  uint64_t size() const { return bytes_.size(); }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::unordered_map<std::string, uint64_t> offsets_;
};

std::vector<Elf64_Sym> write_symbols(const Object& object, const Changes& changes,
                                     Strings& strings) {
  std::vector<Elf64_Sym> symbols(object.symbols().begin(), object.symbols().end());
  for (Elf64_Sym& symbol : symbols) {
    if (symbol.st_name == 0) continue;
    const unsigned type = ELF64_ST_TYPE(symbol.st_info);
    const std::string_view name = object.symbol_name(symbol);
    // The dynamic loader would merge unique symbols across all copies in the process.
    if (ELF64_ST_BIND(symbol.st_info) == STB_GNU_UNIQUE)
      symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, type);
    symbol.st_name = static_cast<Elf64_Word>(strings.append(changes.rename(symbol, name)));
    // Still in the hash table, where the loader passes over it.
    if (changes.borrowed.contains(static_cast<size_t>(&symbol - symbols.data()))) {
      symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, type);
      symbol.st_shndx = SHN_UNDEF;
      symbol.st_value = symbol.st_size = 0;
    }
  }
  return symbols;
}

/// DT_HASH for objects that have no GNU table, whose order does not matter.
std::vector<uint32_t> write_sysv_hash(const std::vector<Elf64_Sym>& symbols,
                                      const Strings& strings) {
  const auto count = static_cast<uint32_t>(symbols.size());
  const uint32_t buckets = std::max<uint32_t>(1, count / 2);
  std::vector<uint32_t> table(2 + buckets + count, 0);
  table[0] = buckets;
  table[1] = count;
  for (uint32_t index = 1; index < count; ++index) {
    if (symbols[index].st_shndx == SHN_UNDEF || symbols[index].st_name == 0) continue;
    uint32_t& bucket =
        table[2 + sysv_hash(strings.bytes().c_str() + symbols[index].st_name) % buckets];
    table[2 + buckets + index] = bucket;
    bucket = index;
  }
  return table;
}

/// How a record of a version table leads to others: to the first and number of its own list, and to
/// the next of the list that it is in. Distances are from the record itself.
struct Links {
  uint64_t first, count, next;
};
Links links(const Elf64_Verneed& need) { return {need.vn_aux, need.vn_cnt, need.vn_next}; }
Links links(const Elf64_Vernaux& version) { return {0, 0, version.vna_next}; }
Links links(const Elf64_Verdef& definition) {
  return {definition.vd_aux, definition.vd_cnt, definition.vd_next};
}
Links links(const Elf64_Verdaux& name) { return {0, 0, name.vda_next}; }

/// Copies a version table of an object, which is a list of lists of records.
class VersionTable {
 public:
  VersionTable(const Object& object, int64_t tag, int64_t count_tag)
      : object_(object),
        address_(object.entry(tag).value_or(0)),
        count_(address_ == 0 ? 0 : object.entry(count_tag).value_or(0)) {}
  /// The copy; `change_group` and `change_item` change the records' strings.
  template <typename Group, typename Item, typename ChangeGroup, typename ChangeItem>
  std::vector<std::byte> copy(ChangeGroup change_group, ChangeItem change_item) {
    copy_list<Group>(0, count_, [&](uint64_t at, Group& group) {
      change_group(group);
      copy_list<Item>(at + links(group).first, links(group).count,
                      [&](uint64_t, Item& item) { change_item(item); });
    });
    return std::move(copy_);
  }

 private:
  template <typename Record, typename Change>
  void copy_list(uint64_t at, uint64_t count, Change change) {
    for (uint64_t k = 0; k < count; ++k) {
      if (++records_ > 2 * kMostVersions)
        throw Error(object_.path() + ": more versions than there can be");
      Record record;
      std::memcpy(&record, object_.at(address_ + at, sizeof record), sizeof record);
      if (copy_.size() < at + sizeof record) copy_.resize(at + sizeof record);
      change(at, record);
      std::memcpy(copy_.data() + at, &record, sizeof record);
      if (links(record).next == 0) return;
      at += links(record).next;
    }
  }

  const Object& object_;
  uint64_t address_;
  uint64_t count_;
  unsigned records_ = 0;
  std::vector<std::byte> copy_;
};

/// A copy of the version needs (a list of libraries, each with a list of versions) with its strings
/// moved.
std::vector<std::byte> copy_version_needs(const Object& object, const Changes& changes,
                                          Strings& strings) {
  const std::vector<std::string_view> needed = object.needed();
  auto move_library = [&](Elf64_Verneed& need) {
    std::string_view library = object.string(need.vn_file);
    // The loader takes it for granted that it has loaded each of these libraries.
    if (std::find(needed.begin(), needed.end(), library) == needed.end())
      library = changes.needed_always;
    auto renamed = std::ranges::find_if(
        changes.renamed_libraries, [library](const auto& names) { return names.first == library; });
    if (renamed != changes.renamed_libraries.end()) library = renamed->second;
    need.vn_file = static_cast<Elf64_Word>(strings.add(library));
  };
  auto move_version = [&](Elf64_Vernaux& version) {
    version.vna_name = static_cast<Elf64_Word>(strings.add(object.string(version.vna_name)));
  };
  return VersionTable(object, DT_VERNEED, DT_VERNEEDNUM)
      .copy<Elf64_Verneed, Elf64_Vernaux>(move_library, move_version);
}

/// The same for version definitions.
std::vector<std::byte> copy_version_definitions(const Object& object, Strings& strings) {
  auto move_name = [&](Elf64_Verdaux& name) {
    name.vda_name = static_cast<Elf64_Word>(strings.add(object.string(name.vda_name)));
  };
  return VersionTable(object, DT_VERDEF, DT_VERDEFNUM)
      .copy<Elf64_Verdef, Elf64_Verdaux>([](Elf64_Verdef&) {}, move_name);
}

/// Lays out the added segment: blocks one after the other, each with its address.
class Segment {
 public:
  explicit Segment(uint64_t address) : address_(address) {}
  template <typename T>
  uint64_t add(const T* data, size_t bytes) {
    bytes_.resize(align_up(bytes_.size(), 8));
    const uint64_t at = bytes_.size();
    const auto* begin = reinterpret_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), begin, begin + bytes);
    return address_ + at;
  }
  template <typename T>
  uint64_t add(const std::vector<T>& items) {
    return add(items.data(), items.size() * sizeof(T));
  }
  void align(uint64_t to) { bytes_.resize(align_up(bytes_.size(), to)); }
  uint64_t end() const { return address_ + bytes_.size(); }
  std::byte* at(uint64_t address) { return bytes_.data() + (address - address_); }
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  uint64_t address_;
  std::vector<std::byte> bytes_;
};

void write_original(const Object& object, File& file) {
  auto copy = [&](uint64_t address, uint64_t bytes) {
    const std::byte* from = object.at(address, bytes);
    file.write(static_cast<uint64_t>(from - object.data()), from, bytes);
  };
  const bool whole = object.needs_code_while_loading() || object.segments_overlap();
  for (const Elf64_Phdr& segment : object.segments()) {
    if (segment.p_type != PT_LOAD) continue;
    if ((segment.p_flags & PF_W) != 0 || whole) copy(segment.p_vaddr, segment.p_filesz);
  }
  if (whole) return;
  for (const Range& range : object.ranges_read_by_loader())
    copy(range.begin, range.end - range.begin);
}

}  // namespace

Image write_image(const Object& object, const Changes& changes) {
  uint64_t last_address = 0, last_offset = 0, alignment = kPage;
  size_t last_load = 0;
  std::vector<Elf64_Phdr> headers(object.segments().begin(), object.segments().end());
  for (size_t k = 0; k < headers.size(); ++k) {
    if (headers[k].p_type != PT_LOAD) continue;
    last_load = k;
    last_address = std::max(last_address, headers[k].p_vaddr + headers[k].p_memsz);
    last_offset = std::max(last_offset, headers[k].p_offset + headers[k].p_filesz);
    alignment = std::max(alignment, std::min<uint64_t>(headers[k].p_align, uint64_t{1} << 21));
  }
  const uint64_t added_begin = align_up(last_address, alignment);
  const uint64_t added_offset = align_up(last_offset, alignment);

  Segment segment(added_begin);
  // Room for what is known only at the end: the program headers and the dynamic section.
  const uint64_t headers_bytes = (headers.size() + 1) * sizeof(Elf64_Phdr);
  const uint64_t headers_address = segment.add(std::vector<std::byte>(headers_bytes));
  const size_t dynamic_room = object.dynamic().size() + changes.needed.size() + 8;
  const uint64_t dynamic_address =
      segment.add(std::vector<std::byte>(dynamic_room * sizeof(Elf64_Dyn)));

  Strings strings;
  const std::vector<Elf64_Sym> symbols = write_symbols(object, changes, strings);
  std::vector<uint32_t> sysv_hash;
  if (object.entry(DT_HASH) && !object.entry(DT_GNU_HASH))
    sysv_hash = write_sysv_hash(symbols, strings);
  const std::vector<std::byte> definitions = copy_version_definitions(object, strings);

  // Equal in every guest, so on pages of their own: symbols, their names, the hash table.
  segment.align(kPage);
  const uint64_t shared_begin = segment.end();
  const uint64_t symbols_address = segment.add(symbols);
  const uint64_t hash_address = segment.add(sysv_hash);
  const uint64_t definitions_address = segment.add(definitions);
  segment.align(8);
  const uint64_t strings_address = segment.end();
  strings.pad_to(align_up(strings_address + strings.size(), kPage) - strings_address);
  const uint64_t shared_end = strings_address + strings.size();

  // This image's own strings: its name and those of its guest's images.
  const std::vector<std::byte> needs = copy_version_needs(object, changes, strings);
  std::vector<Elf64_Dyn> dynamic;
  auto add = [&](int64_t tag, uint64_t value) { dynamic.push_back({tag, {value}}); };
  for (const std::string& name : changes.needed) add(DT_NEEDED, strings.add(name));
  add(DT_SONAME, strings.add(changes.soname));
  for (const Elf64_Dyn& item : object.dynamic()) {
    if (!is_dropped(item.d_tag)) dynamic.push_back(item);
  }
  if (auto flags = object.entry(DT_FLAGS_1)) {
    add(DT_FLAGS_1, *flags & ~uint64_t{DF_1_GLOBAL | DF_1_INITFIRST | DF_1_NOOPEN});
  }
  segment.add(strings.bytes().data(), strings.size());
  const uint64_t needs_address = segment.add(needs);
  add(DT_STRTAB, strings_address);
  add(DT_STRSZ, strings.size());
  add(DT_SYMTAB, symbols_address);
  if (!sysv_hash.empty()) add(DT_HASH, hash_address);
  if (!definitions.empty()) add(DT_VERDEF, definitions_address);
  if (!needs.empty()) add(DT_VERNEED, needs_address);
  add(DT_NULL, 0);
  if (dynamic.size() > dynamic_room)
    throw Error(object.path() + ": dynamic section outgrew its room");
  if (strings.size() > UINT32_MAX) throw Error(object.path() + ": more than 4 GiB of symbol names");
  std::memcpy(segment.at(dynamic_address), dynamic.data(), dynamic.size() * sizeof(Elf64_Dyn));

  const uint64_t added_size = segment.bytes().size();
  Elf64_Phdr added{};
  added.p_type = PT_LOAD;
  added.p_flags = PF_R | PF_W;  // older loaders write addresses into the dynamic section
  added.p_offset = added_offset;
  added.p_vaddr = added.p_paddr = added_begin;
  added.p_filesz = added.p_memsz = added_size;
  added.p_align = kPage;
  headers.insert(headers.begin() + static_cast<std::ptrdiff_t>(last_load) + 1, added);
  for (Elf64_Phdr& header : headers) {
    uint64_t address = 0, bytes = 0;
    if (header.p_type == PT_PHDR) {
      address = headers_address, bytes = headers_bytes;
    } else if (header.p_type == PT_DYNAMIC) {
      address = dynamic_address, bytes = dynamic.size() * sizeof(Elf64_Dyn);
      header.p_flags = PF_R | PF_W;
    } else {
      continue;
    }
    header.p_vaddr = header.p_paddr = address;
    header.p_offset = added_offset + (address - added_begin);
    header.p_filesz = header.p_memsz = bytes;
  }
  std::memcpy(segment.at(headers_address), headers.data(), headers_bytes);

  Image image{.file = File::create(std::string(object.name())),
              .file_size = added_offset + added_size,
              .added_begin = added_begin,
              .shared_begin = shared_begin,
              .shared_end = shared_end,
              .added_end = added_begin + added_size};
  image.file.resize(image.file_size);
  write_original(object, image.file);
  Elf64_Ehdr elf = object.header();
  elf.e_phoff = added_offset;
  elf.e_phnum = static_cast<Elf64_Half>(headers.size());
  elf.e_shoff = elf.e_shnum = elf.e_shstrndx = 0;
  image.file.write(0, &elf, sizeof elf);
  image.file.write(added_offset, segment.bytes().data(), added_size);
  return image;
}

Constructors constructors(const Object& object) {
  Constructors found;
  found.init = object.entry(DT_INIT).value_or(0);
  if (auto array = object.entry(DT_INIT_ARRAY)) {
    found.array = *array;
    found.array_count = object.entry(DT_INIT_ARRAYSZ).value_or(0) / sizeof(void*);
  }
  return found;
}

}  // namespace sesha::images
