#include "bench/meter/cases/case.h"

namespace gradepth {

std::vector<Case> meter_cases() {
  std::vector<Case> cases;
  add_activation_cases(cases);
  add_clip_cases(cases);
  add_recurrent_cases(cases);
  add_pointwise_cases(cases);
  add_product_cases(cases);
  return cases;
}

}  // namespace gradepth
