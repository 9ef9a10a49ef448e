#ifndef GAIOS_TESTS_TRANSPORT_UDP_DPDK_STUCK_DEVICE_H_
#define GAIOS_TESTS_TRANSPORT_UDP_DPDK_STUCK_DEVICE_H_

namespace gaios::transport::udp::dpdk {

// From now on DPDK's first device keeps what it is given to send, as one does whose queue stands still.
void MakeDeviceStuck();

}  // namespace gaios::transport::udp::dpdk

#endif  // GAIOS_TESTS_TRANSPORT_UDP_DPDK_STUCK_DEVICE_H_
