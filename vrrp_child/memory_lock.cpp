#include "vrrp_child/memory_lock.hpp"

#include <link.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>

namespace holdfast {
namespace {

// Code and data of one loaded object; what only the loader reads may go.
int lock_object(dl_phdr_info* object, std::size_t, void*) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & (PF_X | PF_W)) == 0) continue;
    const std::uintptr_t start = object->dlpi_addr + segment.p_vaddr;
    const std::uintptr_t first_page = start & ~(page - 1);
    mlock(reinterpret_cast<const void*>(first_page), segment.p_memsz + (start - first_page));
  }
  return 0;
}

}  // namespace

void lock_memory() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY) {
    mlockall(MCL_CURRENT | MCL_FUTURE);
  } else {
    dl_iterate_phdr(lock_object, nullptr);
  }
}

}  // namespace holdfast
