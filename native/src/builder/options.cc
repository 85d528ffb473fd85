#include "builder/options.h"

#include <cerrno>
#include <cstdlib>

namespace pilotlight::build {
namespace {

bool ParseInteger(const std::string& text, int64_t* value) {
  char* end = nullptr;
  errno = 0;
  *value = std::strtoll(text.c_str(), &end, 10);
  return !text.empty() && *end == '\0' && errno == 0;
}

// 1x3x224x224, or 1,77 for values.
bool ParseList(const std::string& text, char separator, std::vector<int64_t>* values) {
  size_t at = 0;
  while (at <= text.size()) {
    const size_t end = std::min(text.find(separator, at), text.size());
    int64_t value = 0;
    if (!ParseInteger(text.substr(at, end - at), &value)) return false;
    values->push_back(value);
    at = end + 1;
  }
  return true;
}

// Takes the arguments one by one.
class Arguments {
 public:
  Arguments(int argc, char** argv) : words_(argv + 1, argv + argc) {}

  bool is_empty() const { return at_ >= words_.size(); }
  std::string Next() {
    is_short_ = is_short_ || is_empty();
    return is_empty() ? "" : words_[at_++];
  }
  int64_t Integer() {
    int64_t value = 0;
    const std::string text = Next();
    if (!ParseInteger(text, &value)) wrong_ = text;
    return value;
  }
  ProfileRange Range(bool is_values) {
    ProfileRange range;
    range.is_values = is_values;
    range.profile = static_cast<int>(Integer());
    range.input = Next();
    for (auto* values : {&range.min, &range.opt, &range.max}) {
      const std::string text = Next();
      if (!ParseList(text, is_values ? ',' : 'x', values)) wrong_ = text;
    }
    return range;
  }
  std::string problem(const std::string& option) const {
    if (is_short_) return option + " needs more after it";
    return wrong_.empty() ? "" : option + ": cannot be read: \"" + wrong_ + "\"";
  }

 private:
  std::vector<std::string> words_;
  size_t at_ = 0;
  bool is_short_ = false;
  std::string wrong_;
};

bool TakeOption(const std::string& name, Arguments& from, Options* to) {
  if (name == "--model") to->model = from.Next();
  else if (name == "--out") to->out = from.Next();
  else if (name == "--plan") to->plan = from.Next();
  else if (name == "--library") to->library = from.Next();
  else if (name == "--driver") to->driver = from.Next();
  else if (name == "--plugin") to->plugins.push_back(from.Next());
  else if (name == "--device") to->device = static_cast<int>(from.Integer());
  else if (name == "--lock-folder") to->lock_folder = from.Next();
  else if (name == "--watch-stdin") to->watch_stdin = true;
  else if (name == "--verbose") to->verbose = true;
  else if (name == "--profile-shapes") to->ranges.push_back(from.Range(false));
  else if (name == "--profile-values") to->ranges.push_back(from.Range(true));
  else if (name == "--workspace") to->workspace_bytes = from.Integer();
  else if (name == "--level") to->level = static_cast<int>(from.Integer());
  else if (name == "--aux-streams") to->aux_streams = static_cast<int>(from.Integer());
  else if (name == "--timing-cache") to->timing_cache = from.Next();
  else if (name == "--hardware-compatibility") to->hardware_compatibility = static_cast<int>(from.Integer());
  else if (name == "--version-compatible") to->version_compatible = true;
  else if (name == "--exclude-lean-runtime") to->exclude_lean_runtime = true;
  else if (name == "--require-type") to->required_type = from.Next();
  else if (name == "--int8") to->int8 = true;
  else if (name == "--samples") to->samples = from.Next();
  else if (name == "--calibration-cache") to->calibration_cache = from.Next();
  else if (name == "--calibration-key") to->calibration_key = from.Next();
  else if (name == "--keep-precision") to->precise_layers.push_back(from.Next());
  else if (name == "--mark-layers") to->mark_layers = true;
  else if (name == "--allow-host-code") to->allow_host_code = true;
  else if (name == "--outputs") to->outputs = from.Next();
  else return false;
  return true;
}

}  // namespace

Result<Options> ParseOptions(int argc, char** argv) {
  const auto refuse = [](const std::string& why) {
    return Result<Options>::Error(Code::kBadInput, why + "; usage: pilotlight-engine-builder build --model ONNX --out PLAN | inspect --plan PLAN | "
                                                         "run --plan PLAN --samples LIST --outputs FOLDER, with the options of native/src/builder/options.h");
  };
  Arguments arguments(argc, argv);
  Options options;
  options.verb = arguments.Next();
  while (!arguments.is_empty()) {
    const std::string name = arguments.Next();
    if (!TakeOption(name, arguments, &options)) return refuse("unknown option " + name);
    const std::string problem = arguments.problem(name);
    if (!problem.empty()) return refuse(problem);
  }
  const auto need = [](bool is_there, const char* what) { return is_there ? std::string() : std::string(what) + " is missing"; };
  std::string missing;
  if (options.verb == "build") missing = need(!options.model.empty(), "--model") + need(!options.out.empty(), "--out");
  else if (options.verb == "inspect") missing = need(!options.plan.empty(), "--plan");
  else if (options.verb == "run") missing = need(!options.plan.empty(), "--plan") + need(!options.samples.empty(), "--samples") + need(!options.outputs.empty(), "--outputs");
  else return refuse("unknown verb \"" + options.verb + "\"");
  return missing.empty() ? Result<Options>::Of(std::move(options)) : refuse(missing);
}

}  // namespace pilotlight::build
