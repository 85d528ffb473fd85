// Profiles, shape tensors and outputs whose size their data decide: on the double of NVIDIA's libraries.
#include "tensorrt_pool.h"

using namespace pilotlight;

TEST("an output that the data decide has the size that each run gives it") {
  TensorRtPool pool("input x float32 -1x4\nprofile 0 x 1x4 2x4 4x4\noutput n int64 2x-1 nonzero x\n", 2);
  pool.LoadAndOpen();
  for (int run = 0; run < 4; ++run) {
    std::vector<float> values(8, 0);
    for (int at = 0; at < run; ++at) values[static_cast<size_t>(at) * 2 + 1] = 1;
    std::vector<Tensor> inputs;
    inputs.push_back(TensorOf<float>(ElementType::kFloat32, {2, 4}, values));
    const auto job = pool.Run(std::move(inputs));
    CHECK_EQUAL(job->status.message, "");
    CHECK(job->outputs[0].shape == (std::vector<int64_t>{2, run}));
    std::vector<int64_t> expected;
    for (int at = 0; at < run; ++at) expected.push_back((at * 2 + 1) / 4);
    for (int at = 0; at < run; ++at) expected.push_back((at * 2 + 1) % 4);
    CHECK(ValuesOf<int64_t>(job->outputs[0]) == expected);
  }
  CHECK_EQUAL(TheDouble().Count("graphs"), 0);
}

TEST("the values of a shape tensor make an output's shape, within what the profile allows") {
  TensorRtPool pool("input s int64 2 host\nprofile 0 s 1,1 2,2 4,8\ninput x float32 4\noutput f float32 -1x-1 fill s 3\noutput y float32 4 affine x 2\n");
  pool.LoadAndOpen();
  const auto run = [&](int64_t rows, int64_t columns) {
    std::vector<Tensor> inputs;
    inputs.push_back(TensorOf<int64_t>(ElementType::kInt64, {2}, {rows, columns}));
    inputs.push_back(TensorOf<float>(ElementType::kFloat32, {4}, {1, 2, 3, 4}));
    return pool.Run(std::move(inputs));
  };
  for (int round = 0; round < 2; ++round) {
    for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{2, 3}, {4, 8}, {1, 1}}) {
      const auto job = run(rows, columns);
      CHECK_EQUAL(job->status.message, "");
      CHECK(job->outputs[0].shape == (std::vector<int64_t>{rows, columns}));
      CHECK_EQUAL(AllEqualTo(job->outputs[0], static_cast<size_t>(rows * columns)), 3.0f);
      CHECK(ValuesOf<float>(job->outputs[1]) == (std::vector<float>{2, 4, 6, 8}));
    }
  }
  CHECK_EQUAL(run(5, 1)->status.code, Code::kBadInput);
}

TEST("a shape runs in the profile that takes it, and what no profile takes is refused") {
  TensorRtPool pool("scratch 1000 50000\ninput x float32 -1x4\nprofile 0 x 1x4 1x4 2x4\nprofile 1 x 16x4 16x4 32x4\noutput y float32 -1x4 affine x 2 1\n", 2);
  pool.LoadAndOpen();
  for (int round = 0; round < 2; ++round) {
    for (const int64_t rows : {1, 32, 2, 16}) {
      const auto job = pool.Run(Rows(rows, 1));
      CHECK_EQUAL(job->status.message, "");
      CHECK_EQUAL(AllEqualTo(job->outputs[0], static_cast<size_t>(rows) * 4), 3.0f);
    }
  }
  CHECK_EQUAL(pool.Run(Rows(8, 1))->status.code, Code::kBadInput);
}

TEST("a tensor that does not lie one value after the other is refused at the load") {
  TensorRtPool pool("input x float32 4 packed\noutput y float32 4 affine x\n");
  CHECK_CONTAINS(pool.Load().status.message, "\"x\"");
}
