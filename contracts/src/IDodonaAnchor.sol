// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.4;

import {ISigned, SignedErrors} from "./IDodonaFeed.sol";

/// One line of what an anchor commits to; spec/proof.md says what the kinds are.
struct Leaf {
    uint8 kind; // 1 attestation, 2 gap, 3 late attestation
    bytes32 feed;
    uint64 round;
    int192 value;
    bytes32 observed;
}

/// Why an anchor contract refuses.
interface AnchorErrors is SignedErrors {
    /// The slot holds this window or a later one.
    error OldRound(uint64 stored);
    /// The window does not end on the grid or is empty (no periods, or no leaves), or the post came with a payment.
    error BadWindow();
    /// No anchor of a window with this end is in the ring.
    error NotAnchored();
}

/// Merkle roots over windows of attestations, the last 4,096 of them in a ring, with no owner, no pause and no upgrade.
///
/// A post is to uint64 ‖ periods uint16 ‖ count uint32 ‖ root ‖ previous ‖ proof, sent as the whole calldata: 78 bytes and the
/// proof. The window begins at from = to − periods · period. It is taken iff
/// the slot's end < to ≤ (block.timestamp + 15) · 1000, periods and count are above zero, and the quorum signed it.
interface IDodonaAnchor is ISigned, AnchorErrors {
    /// How long a window is at least, in milliseconds: every one ends on a multiple of it.
    function period() external view returns (uint64);

    /// The first 192 bits of the root of the window that ends at the given instant.
    function rootOf(uint64 to) external view returns (bytes24);

    /// Whether the leaf is in the window that ends at the given instant. The path is from the bottom up.
    function verify(uint64 to, Leaf calldata leaf, bytes32[] calldata path) external view returns (bool);
}
