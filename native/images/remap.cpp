#include "images/remap.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "images/tables.h"

namespace sesha::images {
namespace {

/// A run of clean pages in a writable segment is mapped from the object only if it is this long:
/// each run costs the process two of its limited number of mappings, and a shorter one little
/// memory.
constexpr uint64_t kShortestRun = 16;

uint64_t page_size() {
  static const auto size = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return size;
}

uint64_t down(uint64_t value) { return value / page_size() * page_size(); }
uint64_t up(uint64_t value) { return down(value + page_size() - 1); }

/// The pages of one segment that the loader wrote.
class Written {
 public:
  explicit Written(const Elf64_Phdr& segment)
      : begin_(down(segment.p_vaddr)),
        end_(up(segment.p_vaddr + segment.p_filesz)),
        pages_((end_ - begin_) / page_size(), false) {}
  void add(uint64_t address, uint64_t bytes) {
    if (address + bytes <= begin_ || address >= end_ || bytes == 0) return;
    const uint64_t last = std::min(address + bytes - 1, end_ - 1);
    for (uint64_t k = page(std::max(address, begin_)); k <= page(last); ++k) pages_[k] = true;
  }
  bool is_written(uint64_t address) const { return pages_[page(address)]; }
  /// The end of the run of equally written pages that begins at `address`.
  uint64_t run_end(uint64_t address) const {
    uint64_t k = page(address);
    const bool kind = pages_[k];
    while (k < pages_.size() && pages_[k] == kind) ++k;
    return begin_ + k * page_size();
  }
  uint64_t begin() const { return begin_; }
  uint64_t end() const { return end_; }

 private:
  uint64_t page(uint64_t address) const { return (address - begin_) / page_size(); }
  uint64_t begin_;
  uint64_t end_;
  std::vector<bool> pages_;
};

int protection(const Elf64_Phdr& segment) {
  return ((segment.p_flags & PF_R) != 0 ? PROT_READ : 0) |
         ((segment.p_flags & PF_W) != 0 ? PROT_WRITE : 0) |
         ((segment.p_flags & PF_X) != 0 ? PROT_EXEC : 0);
}

/// The pages that the loader has made read-only after relocation.
Range read_only_after_relocation(const Object& object) {
  for (const Elf64_Phdr& segment : object.segments()) {
    if (segment.p_type == PT_GNU_RELRO)
      return {down(segment.p_vaddr), down(segment.p_vaddr + segment.p_memsz)};
  }
  return {};
}

/// Makes every page of [begin, end) a private copy, so that the file behind it can go.
void make_private(uint64_t base, uint64_t begin, uint64_t end, int now) {
  auto* memory = reinterpret_cast<void*>(base + begin);
  const bool opened = (now & PROT_WRITE) == 0;
  if (opened && mprotect(memory, end - begin, now | PROT_WRITE) != 0) {
    throw Error(std::string("cannot make pages writable: ") + std::strerror(errno));
  }
  for (uint64_t at = begin; at < end; at += page_size()) {
    auto* byte = reinterpret_cast<volatile char*>(base + at);
    *byte = *byte;
  }
  if (opened) mprotect(memory, end - begin, now);
}

void share_segment(const Object& object, const Elf64_Phdr& segment, const Written& written,
                   uint64_t base, int descriptor) {
  const Range relro = read_only_after_relocation(object);
  const bool writable = (segment.p_flags & PF_W) != 0;
  for (uint64_t at = written.begin(); at < written.end();) {
    uint64_t end = written.run_end(at);
    if (end <= at) break;  // a run is a page at least
    // Where relocation ended in the middle of the run, the two parts have different protections.
    for (uint64_t edge : {relro.begin, relro.end}) {
      if (at < edge && edge < end) end = edge;
    }
    const bool in_relro = writable && at >= relro.begin && at < relro.end;
    const int now = in_relro ? PROT_READ : protection(segment);
    const bool too_short = writable && end - at < kShortestRun * page_size();
    if (written.is_written(at) || too_short) {
      make_private(base, at, end, now);
    } else {
      const uint64_t offset = segment.p_offset - (segment.p_vaddr - at);
      void* mapped = mmap(reinterpret_cast<void*>(base + at), end - at, now,
                          MAP_PRIVATE | MAP_FIXED, descriptor, static_cast<off_t>(offset));
      if (mapped == MAP_FAILED) {
        throw Error(object.path() + ": cannot map its code: " + std::strerror(errno) +
                    ". If the process has very many mappings, raise the system's vm.max_map_count");
      }
    }
    at = end;
  }
}

}  // namespace

void share_pages(const Object& object, Image& image, uint64_t base, int descriptor) {
  // The loader mapped these segments over one another: their pages have no single place in the
  // file.
  if (object.segments_overlap()) return;
  const bool writes_code = object.entry(DT_TEXTREL).has_value() ||
                           (object.entry(DT_FLAGS).value_or(0) & DF_TEXTREL) != 0;
  const std::vector<uint64_t> relative = object.relative_targets();
  for (const Elf64_Phdr& segment : object.segments()) {
    if (segment.p_type != PT_LOAD || segment.p_filesz == 0) continue;
    Written written(segment);
    if ((segment.p_flags & PF_W) != 0 || writes_code) {
      for (auto list : {object.relocations(), object.jump_relocations()}) {
        for (const Elf64_Rela& relocation : list)
          written.add(relocation.r_offset, sizeof(uint64_t) * 2);
      }
      for (uint64_t target : relative) written.add(target, sizeof(uint64_t));
      // For lazy binding the first entries get what the resolver needs.
      if (auto table = object.entry(DT_PLTGOT)) written.add(*table, 3 * sizeof(uint64_t));
    }
    // The loader clears the rest of the page where the file's part ends.
    if (segment.p_memsz > segment.p_filesz && (segment.p_flags & PF_W) != 0) {
      written.add(segment.p_vaddr + segment.p_filesz, 1);
    }
    share_segment(object, segment, written, base, descriptor);
  }
  make_private(base, image.added_begin, image.shared_begin, PROT_READ | PROT_WRITE);
  make_private(base, image.shared_end, up(image.added_end), PROT_READ | PROT_WRITE);
  if (!share_tables(reinterpret_cast<void*>(base + image.shared_begin),
                    image.shared_end - image.shared_begin)) {
    make_private(base, image.shared_begin, image.shared_end, PROT_READ | PROT_WRITE);
  }
  image.file.discard(image.file_size);
}

void copy_image(const Image& from, Image& to) {
  std::vector<char> buffer(1 << 20);
  to.file.resize(from.file_size);
  for (uint64_t at = 0; at < from.file_size;) {
    const ssize_t size =
        pread(from.file.descriptor(), buffer.data(), buffer.size(), static_cast<off_t>(at));
    if (size <= 0) throw Error(std::string("cannot read an image: ") + std::strerror(errno));
    to.file.write(at, buffer.data(), static_cast<size_t>(size));
    at += static_cast<uint64_t>(size);
  }
  to.file_size = from.file_size;
  to.shared_begin = from.shared_begin;
  to.shared_end = from.shared_end;
  to.added_end = from.added_end;
}

}  // namespace sesha::images
