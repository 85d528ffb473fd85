// The double of NVIDIA's driver itself: it behaves as the real one was seen to, and tells a wrong use.
#include "tensorrt_pool.h"

#include "cuda/device.h"

using namespace pilotlight;

namespace {

using cuda::driver;

constexpr size_t kBytes = 4096;

struct Scene {
  Scene() {
    TheDouble().Script("wrong-use=keep");
    CHECK_EQUAL(cuda::Gpu::Find("gpu:0").status.message, "");
    gpu = cuda::Gpu::Find("gpu:0").value;
    CHECK_EQUAL(gpu->Enter().message, "");
    cuda::MemPoolProps props;
    CHECK_EQUAL(driver().MemPoolCreate(&pool, &props), 0);
    CHECK_EQUAL(driver().StreamCreate(&stream, cuda::kStreamNonBlocking), 0);
    CHECK_EQUAL(driver().StreamCreate(&other, cuda::kStreamNonBlocking), 0);
    CHECK_EQUAL(driver().EventCreate(&event, cuda::kEventDisableTiming), 0);
    CHECK_EQUAL(driver().MemAllocFromPoolAsync(&memory, kBytes, pool, stream), 0);
    CHECK_EQUAL(driver().StreamSynchronize(stream), 0);
    host = NewPinned();
    std::memset(host, 1, kBytes);
    wrong = TheDouble().Count("wrong-uses");
  }

  ~Scene() {
    TheDouble().Script("hold=0");
    driver().StreamSynchronize(stream);
    driver().StreamSynchronize(other);
    driver().MemHostUnregister(host);
    std::free(host);
    driver().MemFreeAsync(memory, stream);
    driver().StreamSynchronize(stream);
    driver().MemPoolDestroy(pool);
    driver().StreamDestroy(stream);
    driver().StreamDestroy(other);
    driver().EventDestroy(event);
    TheDouble().Script("wrong-use=abort");
  }

  static void* NewPinned() {
    void* const made = std::aligned_alloc(kBytes, kBytes);
    CHECK_EQUAL(driver().MemHostRegister(made, kBytes, cuda::kHostRegisterPortable), 0);
    return made;
  }

  cuda::Return Upload(cuda::Stream* on) { return driver().MemcpyToDeviceAsync(memory, host, kBytes, on); }
  int64_t NewWrongUses() { return TheDouble().Count("wrong-uses") - wrong; }

  cuda::Gpu* gpu = nullptr;
  cuda::MemPool* pool = nullptr;
  cuda::Stream *stream = nullptr, *other = nullptr;
  cuda::Event* event = nullptr;
  cuda::DevicePtr memory = 0;
  void* host = nullptr;
  int64_t wrong = 0;
};

}  // namespace

TEST("a thread without a context is refused") {
  Scene scene;
  cuda::Return refused = 0;
  std::thread([&] { refused = scene.Upload(scene.stream); }).join();
  CHECK_EQUAL(refused, 201);
}

TEST("work is done in the order of its stream and later; its event tells") {
  Scene scene;
  TheDouble().Script("hold=1");
  CHECK_EQUAL(scene.Upload(scene.stream), 0);
  CHECK_EQUAL(driver().EventRecord(scene.event, scene.stream), 0);
  CHECK_EQUAL(driver().EventQuery(scene.event), cuda::kNotReady);
  TheDouble().Script("hold=0");
  CHECK_EQUAL(driver().EventSynchronize(scene.event), 0);
  CHECK_EQUAL(scene.NewWrongUses(), 0);
}

TEST("a capture keeps and does nothing, a graph does it, and a waiting call spoils a capture") {
  Scene scene;
  CHECK_EQUAL(driver().StreamBeginCapture(scene.stream, cuda::kCaptureThreadLocal), 0);
  CHECK_EQUAL(scene.Upload(scene.stream), 0);
  cuda::Graph* graph = nullptr;
  CHECK_EQUAL(driver().StreamEndCapture(scene.stream, &graph), 0);
  CHECK_EQUAL(TheDouble().Count("waiting"), 0);
  cuda::GraphExec* exec = nullptr;
  CHECK_EQUAL(driver().GraphInstantiate(&exec, graph, 0), 0);
  CHECK_EQUAL(driver().GraphLaunch(exec, scene.stream), 0);
  CHECK_EQUAL(driver().StreamSynchronize(scene.stream), 0);
  CHECK_EQUAL(driver().GraphExecDestroy(exec), 0);
  CHECK_EQUAL(driver().GraphDestroy(graph), 0);
  CHECK_EQUAL(driver().StreamBeginCapture(scene.stream, cuda::kCaptureThreadLocal), 0);
  CHECK_EQUAL(driver().StreamSynchronize(scene.stream), 900);
  CHECK_EQUAL(driver().StreamEndCapture(scene.stream, &graph), 901);
  CHECK(graph == nullptr);
  CHECK_EQUAL(driver().StreamBeginCapture(scene.stream, cuda::kCaptureThreadLocal), 0);
  cuda::Return others = 0;
  std::thread([&] {
    CHECK(scene.gpu->Enter().ok());
    others = driver().StreamSynchronize(scene.other);
  }).join();
  CHECK_EQUAL(others, 0);
  CHECK_EQUAL(driver().StreamEndCapture(scene.stream, &graph), 0);
  CHECK_EQUAL(driver().GraphDestroy(graph), 0);
}

TEST("memory is counted to the byte, and a GPU has only so much") {
  Scene scene;
  const int64_t used = TheDouble().Count("used");
  cuda::DevicePtr more = 0;
  CHECK_EQUAL(driver().MemAllocFromPoolAsync(&more, 1 << 20, scene.pool, scene.stream), 0);
  CHECK_EQUAL(TheDouble().Count("used"), used + (1 << 20));
  cuda::DevicePtr much = 0;
  CHECK_EQUAL(driver().MemAllocFromPoolAsync(&much, size_t{8} << 30, scene.pool, scene.stream), cuda::kOutOfMemory);
  CHECK_EQUAL(driver().MemFreeAsync(more, scene.stream), 0);
  CHECK_EQUAL(driver().StreamSynchronize(scene.stream), 0);
  CHECK_EQUAL(TheDouble().Count("used"), used);
}

TEST("two streams that use the same memory unordered are told") {
  Scene scene;
  TheDouble().Script("hold=1");
  CHECK_EQUAL(scene.Upload(scene.stream), 0);
  CHECK_EQUAL(scene.NewWrongUses(), 0);
  scene.Upload(scene.other);
  CHECK_EQUAL(scene.NewWrongUses(), 1);
  CHECK_CONTAINS(TheDouble().WrongUse(), "nothing puts them in order");
}

TEST("pinned memory that changes before it was copied is told") {
  Scene scene;
  TheDouble().Script("hold=1");
  CHECK_EQUAL(scene.Upload(scene.stream), 0);
  static_cast<char*>(scene.host)[7] = 9;
  TheDouble().Script("hold=0");
  CHECK_EQUAL(driver().StreamSynchronize(scene.stream), 0);
  CHECK_CONTAINS(TheDouble().WrongUse(), "was changed before it was copied");
  void* const second = Scene::NewPinned();
  TheDouble().Script("hold=1");
  CHECK_EQUAL(driver().MemcpyToHostAsync(second, scene.memory, kBytes, scene.stream), 0);
  TheDouble().Script("hold=0");
  CHECK_EQUAL(driver().StreamSynchronize(scene.stream), 0);
  CHECK_EQUAL(driver().MemHostUnregister(second), 0);
  CHECK(driver().MemHostUnregister(second) != 0);
  std::free(second);
}

TEST("a pool that is destroyed too early is told, and the use of what was in it") {
  Scene scene;
  cuda::MemPool* pool = nullptr;
  cuda::MemPoolProps props;
  cuda::DevicePtr memory = 0;
  CHECK_EQUAL(driver().MemPoolCreate(&pool, &props), 0);
  CHECK_EQUAL(driver().MemAllocFromPoolAsync(&memory, kBytes, pool, scene.stream), 0);
  CHECK_EQUAL(driver().StreamSynchronize(scene.stream), 0);
  CHECK_EQUAL(driver().MemPoolDestroy(pool), 0);
  CHECK_CONTAINS(TheDouble().WrongUse(), "4096 bytes are still out");
  CHECK_EQUAL(driver().MemcpyToDeviceAsync(memory, scene.host, kBytes, scene.stream), 1);
  CHECK_CONTAINS(TheDouble().WrongUse(), "not there any more");
}

TEST("a sticky error is every later call's") {
  {
    Scene scene;
    TheDouble().Script("fail=cuEventRecord:1:700");
    CHECK_EQUAL(driver().EventRecord(scene.event, scene.stream), 700);
    CHECK_EQUAL(scene.Upload(scene.stream), 700);
    cuda::Return elsewhere = 0;
    std::thread([&] { elsewhere = driver().EventQuery(scene.event); }).join();
    CHECK_EQUAL(elsewhere, 700);
    // As a real GPU does.
    std::thread([&] { elsewhere = driver().ContextSetCurrent(nullptr); }).join();
    CHECK_EQUAL(elsewhere, 0);
    TheDouble().Script("sticky=0");
  }
  const char* name = nullptr;
  CHECK_EQUAL(driver().GetErrorName(700, &name), 0);
  CHECK_EQUAL(std::string(name), "CUDA_ERROR_ILLEGAL_ADDRESS");
}
