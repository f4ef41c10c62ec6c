// Kernels: what the PTX declares, what the host has, and launching the one for the other.
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <algorithm>
#include "internal.h"

namespace emu {
namespace {
auto& libraries = *new std::vector<Library>;  // never destroyed: threads may outlive main()

// Compares the source files of a kernel library with what setup built it from.
void check_sources(const std::string& list) {
  FILE* in = fopen(list.c_str(), "r");
  long long mtime, size;
  char path[4096];
  struct stat now;
  while (in && fscanf(in, "%lld %lld %4095[^\n]", &mtime, &size, path) == 3)
    if (!stat(path, &now) && (now.st_size != size || now.st_mtim.tv_sec * 1000000000LL + now.st_mtim.tv_nsec != mtime))
      emu_fail("%s has changed since its kernels were built: run setup again", path);
  if (in) fclose(in);
}

}  // namespace

void load_kernel_libraries() {
  Dl_info self;
  dladdr((void*)&emu_register, &self);
  std::string lib = self.dli_fname, dir = lib.substr(0, lib.rfind('/') + 1) + "../kernels/";
  if (const char* d = getenv("CUDA_EMU_KERNELS")) dir = std::string(d) + "/";
  DIR* d = opendir(dir.c_str());
  if (!d) emu_fail("no kernel libraries at %s", dir.c_str());
  std::vector<std::string> names;
  while (dirent* e = readdir(d)) names.push_back(e->d_name);
  closedir(d);
  std::sort(names.begin(), names.end());
  for (auto& name : names) {
    size_t dot = name.rfind(".so");
    if (dot == std::string::npos) continue;
    check_sources(dir + name.substr(0, dot) + ".inputs");
    if (!dlopen((dir + name).c_str(), RTLD_NOW | RTLD_LOCAL)) emu_fail("cannot load %s: %s", name.c_str(), dlerror());
  }
}

void parse_ptx(const char* text, Module& m) {
  m.is_ptx = true;
  for (const char* p = text; (p = strstr(p, ".entry "));) {
    p += strlen(".entry ");
    std::string name(p, strcspn(p, "( \t\r\n"));
    Entry& e = m.entries[name];
    const char* stop = strchr(p, '{');
    if (!stop) continue;
    // A copy, since strstr and sscanf read on to the end of the text.
    std::string head(p, stop);
    for (const char* q = head.c_str(); (q = strstr(q, ".param "));) {
      q += strlen(".param ");
      unsigned align, bits, count = 1;
      char kind;
      if (sscanf(q, ".align %u", &align) == 1) q = strchr(q + 1, '.');
      if (!q || sscanf(q, ".%c%u", &kind, &bits) != 2) emu_fail("cannot read the PTX parameters of %s", name.c_str());
      size_t name_end = strcspn(q, "[,)\n");
      if (q[name_end] == '[') sscanf(q + name_end, "[%u]", &count);
      e.sizes.push_back(bits / 8 * count);
    }
    unsigned x = 0, y = 1, z = 1;
    const char* limit = strstr(head.c_str(), ".maxntid ");
    if (limit && sscanf(limit, ".maxntid %u, %u, %u", &x, &y, &z) >= 1) e.max_threads = x * y * z;
  }
}

// Two .cu files may define a kernel of the same name: prefer the file that
// shares the most kernels with the module.
void bind(Module& m, Function& f) {
  size_t best = 0;
  bool tie = false;
  for (auto& l : libraries)
    for (auto k : l.kernels) {
      if (f.name != k->name) continue;
      size_t common = 1;
      for (auto other : l.kernels) common += m.entries.count(other->name);
      if (common > best) best = common, f.kernel = k, f.library = &l, tie = false;
      else tie |= common == best;
    }
  if (tie) emu_fail("kernel %s is defined by more than one host library", f.name.c_str());
}

CUresult launch(Function& f, dim3 grid, dim3 block, unsigned shared, Stream& s, void** params) {
  const char* name = f.name.c_str();
  if (f.module->unloaded) emu_fail("launch of kernel %s, whose module was unloaded", name);
  if (f.module->device != s.device) return CUDA_ERROR_INVALID_HANDLE;
  uint64_t n = uint64_t(block.x) * block.y * block.z;
  if (!n || n > 1024 || block.z > 64 || !grid.x || !grid.y || !grid.z || grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535) return CUDA_ERROR_INVALID_VALUE;
  if (shared > f.max_dynamic_shared || (f.entry && n > f.entry->max_threads)) return CUDA_ERROR_INVALID_VALUE;
  if (!f.kernel) emu_fail("launch of unknown kernel %s: no host build of it (is its .cu file passed to setup?)", name);
  if (f.entry) {
    bool same = int(f.entry->sizes.size()) == f.kernel->nparams;
    for (int i = 0; same && i < f.kernel->nparams; i++) same = f.entry->sizes[i] == f.kernel->sizes[i];
    if (!same) emu_fail("the host build of kernel %s has other parameters than the PTX (run setup again?)", name);
  }
  if (!params && f.kernel->nparams) emu_fail("kernel %s needs %d parameters, none passed", name, f.kernel->nparams);
  begin(s);
  for (int i = 0; i < f.kernel->nparams; i++) {
    if (!params[i]) emu_fail("parameter %d of kernel %s is missing", i, name);
    void* p = nullptr;
    if (f.kernel->pointers[i] != Pointer::kNone) memcpy(&p, params[i], sizeof p);
    if (!p) continue;
    Allocation* a = find_live(p);
    if (a) {
      if (a->device != s.device) emu_fail("parameter %d of kernel %s is memory of device %d, and the kernel runs on device %d", i, name, a->device, s.device);
      access(*a, f.kernel->pointers[i] == Pointer::kWrite, s, name);
      continue;
    }
    char text[256];
    describe_address((char*)p, text, sizeof text);
    if (strncmp(text, "0 bytes past the end", 20))  // that is an empty slice at the end of a buffer
      emu_fail("parameter %d of kernel %s is %p, which is no device pointer: %s", i, name, p, text);
  }
  static bool trace = env_flag("CUDA_EMU_TRACE");
  if (trace) fprintf(stderr, "cuda-emulator: %s <<<(%u,%u,%u), (%u,%u,%u), %u>>>\n", name, grid.x, grid.y, grid.z, block.x, block.y, block.z, shared);
  count_launch(f.name);
  ensure_signal_stack();
  kernel_name = name;
  run(*f.kernel, *f.library, grid, block, shared, params);
  check_all_guards();
  kernel_name = nullptr;
  return CUDA_SUCCESS;
}

}  // namespace emu

extern "C" void emu_register(const char* file, const emu::Kernel* kernels, int n, char* shared_begin, char* shared_end) {
  emu::Library l{file, {}, shared_begin, shared_end};
  for (int i = 0; i < n; i++) l.kernels.push_back(kernels + i);
  emu::libraries.push_back(l);
}
