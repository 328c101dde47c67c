// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDodonaFeed} from "./IDodonaFeed.sol";
import {MembersInCode, SchnorrInCode, Speaker} from "./KeyInCode.sol";

/// What both variants of a feed share; they differ in the proof.
abstract contract Feed is Speaker, IDodonaFeed {
    uint256 private _slot; // round uint64 ‖ value int192

    /// The update, as the whole calldata. Anybody may carry it.
    fallback() external {
        uint256 word;
        uint256 size;
        assembly {
            word := calldataload(0)
            size := sub(calldatasize(), 0x20) // below 32 bytes this is huge, and no proof's size
        }
        uint256 stored = _slot >> 192;
        if (word >> 192 <= stored) revert OldRound(uint64(stored));
        _check(word, 0x20, size);
        _slot = word;
    }

    function feed() external view returns (bytes32) {
        return _subject();
    }

    function latest() external view returns (uint64 round, int192 value) {
        uint256 word = _slot;
        if (word == 0) revert NoAnswer();
        return (uint64(word >> 192), _value(word));
    }

    function read(uint64 maxAge) external view returns (int192 value) {
        uint256 word = _slot;
        if (word == 0) revert NoAnswer();
        _fresh(word, maxAge);
        return _value(word);
    }

    function readAt(bytes calldata update, uint64 round) external view returns (int192 value) {
        uint256 word = _unpack(update);
        if (word >> 192 != round || round == 0) revert OtherRound(uint64(word >> 192));
        return _value(word);
    }

    function readLatest(bytes calldata update, uint64 maxAge) external returns (uint64 round, int192 value) {
        uint256 word = _unpack(update);
        uint256 stored = _slot;
        _fresh(word, maxAge);
        if (word >> 192 > stored >> 192) {
            _slot = word;
        } else if (word != stored) {
            if (word >> 192 < stored >> 192) revert OldRound(uint64(stored >> 192));
            revert OtherValue();
        } else if (word == 0) {
            revert NoAnswer();
        }
        return (uint64(word >> 192), _value(word));
    }

    function _value(uint256 word) private pure returns (int192 value) {
        assembly ("memory-safe") {
            value := signextend(23, word)
        }
    }

    function _fresh(uint256 word, uint64 maxAge) private view {
        if ((word >> 192) + uint256(maxAge) * 1000 < block.timestamp * 1000) revert StaleRound(uint64(word >> 192));
    }

    /// The word of an update that is an argument, once it is proved. ABI would allow other offsets and paddings; this does not.
    function _unpack(bytes calldata update) private view returns (uint256 word) {
        uint256 start;
        uint256 size;
        bool strict;
        assembly ("memory-safe") {
            start := update.offset
            size := update.length
            let over := and(size, 31)
            strict := and(
                and(eq(start, 100), eq(calldatasize(), and(add(size, 131), not(31)))),
                or(iszero(over), iszero(shl(shl(3, over), calldataload(sub(add(start, size), over)))))
            )
            word := calldataload(start)
        }
        if (!strict || size < 32) revert BadEncoding();
        _check(word, start + 32, size - 32);
    }

    /// Reverts unless the quorum signed this word for this feed, and not from the future.
    function _check(uint256 word, uint256 start, uint256 size) private view {
        unchecked {
            if (word >> 192 > (block.timestamp + 15) * 1000) revert FutureRound(uint64(word >> 192));
        }
        bytes32 kind = keccak256("Report(bytes32 feed,uint64 round,int192 value)");
        bytes32 subject = _subject();
        bytes32 domain = _domain();
        bytes32 digest;
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, kind)
            mstore(add(p, 0x20), subject)
            mstore(add(p, 0x40), shr(192, word))
            mstore(add(p, 0x60), signextend(23, word))
            let structHash := keccak256(p, 0x80)
            mstore(p, 0x1901)
            mstore(add(p, 0x20), domain)
            mstore(add(p, 0x40), structHash)
            digest := keccak256(add(p, 0x1e), 0x42)
        }
        _verify(digest, start, size);
    }
}

/// A feed whose quorum signs with one group key (scheme frost). proof = R_e ‖ s, so an update has 84 bytes.
contract DodonaFeed is Feed, SchnorrInCode {
    constructor(bytes32 network_, bytes32 feed_, uint256 px, uint8 parity) SchnorrInCode(network_, feed_, px, parity) {}
}

/// The program of DodonaFeedEcdsa, without its members.
contract FeedEcdsaProgram is Feed, MembersInCode {}

/// A feed whose quorum signs k of n (scheme ecdsa). proof = k × (index ‖ r ‖ yParityAndS). Its members never change.
contract DodonaFeedEcdsa is Feed, MembersInCode {
    constructor(bytes32 network_, bytes32 feed_, uint8 k, address[] memory members) {
        _deploy(type(FeedEcdsaProgram).runtimeCode, network_, feed_, k, members);
    }
}
