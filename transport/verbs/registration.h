#ifndef GAIOS_TRANSPORT_VERBS_REGISTRATION_H_
#define GAIOS_TRANSPORT_VERBS_REGISTRATION_H_

// Memory that a device may use, given up with this. Owned; may be moved. Any thread, one at a time.

#include <utility>

#include "gaios/transport/verbs/device.h"

namespace gaios::transport::verbs {

class Registration {
 public:
  Registration() = default;
  // Of a region that the device has registered.
  Registration(RdmaDevice& device, ibv_mr* region) : device_(&device), region_(region) {}
  Registration(Registration&& other) noexcept { *this = std::move(other); }
  Registration& operator=(Registration&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(region_, other.region_);
    return *this;
  }
  ~Registration() { (void)GiveUp(); }

  [[nodiscard]] explicit operator bool() const { return region_ != nullptr; }
  [[nodiscard]] const ibv_mr* get() const { return region_; }
  // When it returns 0 its keys are void, and no access by them is under way: of a device that works, or where
  // DestroysWhenLost (fencing.h). Otherwise errno, and it stands.
  [[nodiscard]] int GiveUp() {
    const int error = region_ == nullptr ? 0 : device_->DeregisterMemory(region_);
    if (error == 0) {
      region_ = nullptr;
    }
    return error;
  }

 private:
  RdmaDevice* device_ = nullptr;
  ibv_mr* region_ = nullptr;
};

}  // namespace gaios::transport::verbs

#endif  // GAIOS_TRANSPORT_VERBS_REGISTRATION_H_
