#include "gaios/transport/udp/sender.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace gaios::transport::udp {

void Sender::Restart() {
  for (std::uint64_t sequence = cumulative_ + 1; sequence <= last_; ++sequence) {
    At(sequence).state = Piece::State::kNone;
  }
  cumulative_ = settled_ = last_ = offered_ = 0;
  latest_loan_ = 0;
  orders_ = newest_ = 0;
  in_flight_ = lost_ = probes_ = 0;
  timed_out_ns_ = timed_out_last_ = timed_out_order_ = 0;
  rtt_.Progress();
}

void Sender::Rewire(std::size_t piece_bytes, std::uint32_t room, const RttEstimator& fresh) {
  Restart();
  piece_bytes_ = piece_bytes;
  rtt_ = fresh;
  window_ = SendWindow(room);
}

// Makes the next piece of what is posted, as much as fits. False when nothing is.
bool Sender::Cut(PostedQueue& posted) {
  PostedOperation* operation = posted.ToCut();
  if (operation == nullptr || operation->completion.operation == Operation::kReadLog) {
    return false;
  }
  Piece& piece = At(last_ + 1);
  piece.bytes = 0;
  piece.word_set = 0;
  piece.order = 0;
  piece.loan = 0;
  bool placed = false;  // whether the piece has a position
  for (; operation != nullptr; operation = posted.ToCut()) {
    if (operation->completion.operation == Operation::kWriteWord) {
      const auto word = static_cast<std::size_t>(operation->word);
      piece.words[word] = operation->value;
      piece.word_set = static_cast<std::uint8_t>(piece.word_set | (1U << word));
    } else if (operation->completion.operation == Operation::kWrite) {
      if (placed && operation->range.from != piece.position + piece.bytes) {
        break;
      }
      if (!placed) {
        piece.position = operation->range.from;
        placed = true;
      }
      const auto bytes = static_cast<std::uint32_t>(
          std::min<std::uint64_t>(operation->range.size(), piece_bytes_ - piece.bytes));
      piece.bytes += bytes;
      operation->range.from = operation->range.from + bytes;
      if (!operation->range.empty()) {
        break;  // the piece is full
      }
    } else {
      break;  // a read: it begins behind what was posted before it
    }
    operation->last_sequence = last_ + 1;
    operation->cut = true;
  }
  ++last_;
  piece.state = Piece::State::kLost;
  ++lost_;
  return true;
}

const Piece* Sender::Next(PostedQueue& posted, std::uint64_t now_ns) {
  if (offered_ != 0) {
    return &At(offered_);
  }
  // After a timeout more may be under way than the window, which has shrunk, lets out. All of it can be lost:
  // if what asks after it waited for room, nothing would ever make any.
  const bool room = in_flight_ < window_.size() || (probes_ != 0 && lost_ != 0);
  if (!room || !window_.Paced(now_ns, rtt_.smoothed_ns())) {
    return nullptr;
  }
  if (lost_ == 0) {
    const bool idle = !busy();
    if (last_ - settled_ >= kWindow - 1 || !Cut(posted)) {
      return nullptr;
    }
    if (idle) {
      progress_ns_ = now_ns;
    }
    offered_ = last_;
    return &At(offered_);
  }
  for (std::uint64_t sequence = cumulative_ + 1; sequence <= last_; ++sequence) {
    if (At(sequence).state == Piece::State::kLost) {
      offered_ = sequence;
      return &At(offered_);
    }
  }
  return nullptr;
}

void Sender::Sent(std::uint64_t now_ns, std::uint64_t loan) {
  Piece& piece = At(offered_);
  if (in_flight_ == 0) {
    timer_ns_ = now_ns + rtt_.timeout_ns();
  }
  piece.order = ++orders_;
  if (loan != 0) {
    piece.loan = latest_loan_ = loan;
  }
  piece.state = Piece::State::kInFlight;
  --lost_;
  ++in_flight_;
  probes_ -= probes_ == 0 ? 0 : 1;
  offered_ = 0;
  window_.OnSent();
  ++counters_.sent;
}

// The acknowledgement that brings it answers no sending after `latest_order`.
void Sender::Take(std::uint64_t sequence, std::uint64_t latest_order) {
  Piece& piece = At(sequence);
  if (piece.state == Piece::State::kInFlight) {
    --in_flight_;
  } else if (piece.state == Piece::State::kLost) {
    --lost_;
    if (offered_ == sequence) {
      offered_ = 0;
    }
  }
  if (piece.order <= latest_order) {
    newest_ = std::max(newest_, piece.order);
  }
  piece.state = Piece::State::kTaken;
}

bool Sender::OnAck(const AckBody& ack, std::span<const std::byte> bitmap, std::uint64_t now_ns) {
  if (ack.cumulative > last_) {
    ++counters_.acks_refused;
    return false;
  }
  // Whether it answers something sent since the latest timeout. If not, the peer was slow, and what was sent
  // again tells nothing of what else was under way.
  const bool since_timeout = ack.stamp_ns >= timed_out_ns_;
  const std::uint64_t latest_order = since_timeout ? orders_ : timed_out_order_;
  std::uint32_t taken = 0;
  while (cumulative_ < ack.cumulative) {
    const std::uint64_t sequence = ++cumulative_;
    if (At(sequence).state != Piece::State::kTaken) {
      Take(sequence, latest_order);
      ++taken;
    }
    At(sequence).state = Piece::State::kNone;
  }
  std::uint64_t highest = 0;
  for (std::uint32_t word = 0; word < ack.bitmap_words; ++word) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, bitmap.data() + word * sizeof(bits), sizeof(bits));
    for (; bits != 0; bits &= bits - 1) {
      const std::uint64_t sequence =
          ack.cumulative + 1 + std::uint64_t{64} * word + static_cast<std::uint64_t>(std::countr_zero(bits));
      if (sequence > last_) {
        ++counters_.acks_refused;
        return taken != 0;
      }
      if (sequence > cumulative_) {
        highest = std::max(highest, sequence);
        if (At(sequence).state != Piece::State::kTaken) {
          Take(sequence, latest_order);
          ++taken;
        }
      }
    }
  }
  if (since_timeout) {
    // What was under way at the timeout and is still missing had all the time that there is, whatever has
    // arrived of what was sent since, and however little that was.
    newest_ = std::max(newest_, timed_out_order_ + kReordering);
  }
  // Beyond what is missing something has arrived; or what a timeout has sent again has, and nothing that was
  // under way before it.
  if (highest != 0 || (since_timeout && cumulative_ < timed_out_last_)) {
    FindLost(last_);
  }
  if (taken == 0) {
    return false;
  }
  Settle(0);
  ++counters_.acks;
  if (ack.stamp_ns != 0 && ack.stamp_ns <= now_ns && now_ns - ack.stamp_ns >= ack.held_ns) {
    rtt_.Sample(now_ns - ack.stamp_ns - ack.held_ns);
  }
  rtt_.Progress();
  window_.OnAcked(taken);
  probes_ = 0;
  progress_ns_ = now_ns;
  timer_ns_ = now_ns + rtt_.timeout_ns();
  return true;
}

// What was sent well before something that arrived, and has not, is lost.
void Sender::FindLost(std::uint64_t highest) {
  std::uint32_t found = 0;
  std::uint32_t found_since = 0;  // the timeout, which has narrowed the window for those before it
  for (std::uint64_t sequence = cumulative_ + 1; sequence <= highest; ++sequence) {
    Piece& piece = At(sequence);
    if (piece.state == Piece::State::kInFlight && piece.order + kReordering <= newest_) {
      piece.state = Piece::State::kLost;
      --in_flight_;
      ++lost_;
      ++found;
      found_since += piece.order > timed_out_order_ ? 1 : 0;
    }
  }
  counters_.lost += found;
  window_.OnLost(found_since);
}

void Sender::RunTimer(std::uint64_t now_ns) {
  if (in_flight_ == 0 || now_ns < timer_ns_) {
    return;
  }
  ++counters_.timeouts;
  rtt_.BackOff();
  window_.OnTimeout();
  timer_ns_ = now_ns + rtt_.timeout_ns();
  timed_out_ns_ = now_ns;
  timed_out_last_ = last_;
  timed_out_order_ = orders_;
  probes_ = 0;
  for (std::uint64_t sequence = cumulative_ + 1; sequence <= last_ && probes_ < kProbes; ++sequence) {
    Piece& piece = At(sequence);
    if (piece.state == Piece::State::kInFlight) {
      piece.state = Piece::State::kLost;
      --in_flight_;
      ++lost_;
      ++probes_;
    }
  }
}

}  // namespace gaios::transport::udp
