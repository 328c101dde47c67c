// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.4;

/// Why an update is refused, whatever it is of.
interface SignedErrors {
    /// The bytes are not the one encoding of an update.
    error BadEncoding();
    /// The quorum did not sign this.
    error BadProof();
    /// The round is more than 15 seconds ahead of the block, or the update came with a payment.
    error FutureRound(uint64 round);
}

/// What every contract that checks a quorum's signatures answers, whatever the scheme.
interface ISigned is SignedErrors {
    /// The network's id.
    function network() external view returns (bytes32);

    /// The digest of the quorum whose signatures count.
    function quorum() external view returns (bytes32);
}

/// Why a feed refuses.
interface FeedErrors is SignedErrors {
    /// Nothing was stored yet.
    error NoAnswer();
    /// The round is not above the stored one, or readLatest got one below it.
    error OldRound(uint64 stored);
    /// The answer is older than the reader allows.
    error StaleRound(uint64 round);
    /// The update is of another round than the one asked for.
    error OtherRound(uint64 round);
    /// The update has the stored round and another value: the quorum signed twice.
    error OtherValue();
}

/// One feed's latest attested answer in one slot, with no owner, no pause and no upgrade.
///
/// An update is word ‖ proof, sent as the whole calldata, without a selector; word = round uint64 ‖ value int192. A round is
/// Unix milliseconds. An update is taken iff stored round < round ≤ (block.timestamp + 15) · 1000 and the quorum signed it.
interface IDodonaFeed is ISigned, FeedErrors {
    /// The feed's id.
    function feed() external view returns (bytes32);

    /// The stored answer, whatever its age; reverts before the first.
    function latest() external view returns (uint64 round, int192 value);

    /// The stored value, if its round is at most maxAge seconds ago.
    function read(uint64 maxAge) external view returns (int192 value);

    /// The value of an update of exactly the given round, which the caller fixed before it was known. Stores nothing.
    function readAt(bytes calldata update, uint64 round) external view returns (int192 value);

    /// The answer of an update that is not older than the stored one nor than maxAge seconds. Stores it if it is newer.
    function readLatest(bytes calldata update, uint64 maxAge) external returns (uint64 round, int192 value);
}
