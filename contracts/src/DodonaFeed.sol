// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FeedErrors, IDodonaFeed, ISigned} from "./IDodonaFeed.sol";
import {FREE, MembersInCode, SchnorrInCode, Speaker} from "./KeyInCode.sol";

/// What both variants of a feed share; they differ in the proof.
///
/// Solidity looks for a function's selector before it falls back, which would cost every update some hundred gas. So this
/// contract has no functions, only the fallback; it answers what IDodonaFeed declares. No selector begins with two zero bytes.
abstract contract Feed is Speaker, FeedErrors {
    uint256 private _slot; // round uint64 ‖ value int192

    /// An update, as the whole calldata, or a call of IDodonaFeed. Anybody may carry an update.
    fallback() external payable {
        uint256 word;
        uint256 size;
        assembly {
            word := calldataload(0)
            size := sub(calldatasize(), 0x20) // below 32 bytes this is huge, and no proof's size
        }
        if (word >> 240 != 0) _answer();
        uint256 stored = _slot >> 192;
        if (word >> 192 <= stored) revert OldRound(uint64(stored));
        _check(word, 0x20, size);
        _slot = word;
        assembly {
            stop()
        }
    }

    /// Answers a call of a function of IDodonaFeed, and does not return.
    function _answer() private {
        bytes4 f = msg.sig;
        if (msg.data.length < 4 || msg.value != 0) revert BadEncoding();
        if (f == IDodonaFeed.latest.selector) {
            uint256 word = _slot;
            if (word == 0) revert NoAnswer();
            _return(word >> 192, uint256(_value(word)));
        }
        if (f == IDodonaFeed.read.selector) {
            uint256 word = _slot;
            if (word == 0) revert NoAnswer();
            _fresh(word, abi.decode(msg.data[4:], (uint64)));
            _return(uint256(_value(word)));
        }
        if (f == IDodonaFeed.readAt.selector) {
            (uint256 word, uint64 round) = _unpack();
            if (word >> 192 != round || round == 0) revert OtherRound(uint64(word >> 192));
            _return(uint256(_value(word)));
        }
        if (f == IDodonaFeed.readLatest.selector) {
            (uint256 word, uint64 maxAge) = _unpack();
            _fresh(word, maxAge);
            _advance(word);
            _return(word >> 192, uint256(_value(word)));
        }
        if (f == IDodonaFeed.feed.selector) _return(uint256(_subject()));
        if (f == ISigned.network.selector) _return(uint256(_network()));
        if (f == ISigned.quorum.selector) _return(uint256(_quorum()));
        revert BadEncoding();
    }

    /// Stores a word that is newer than the stored one; lets the stored one pass.
    function _advance(uint256 word) private {
        uint256 stored = _slot;
        if (word >> 192 > stored >> 192) {
            _slot = word;
        } else if (word != stored) {
            if (word >> 192 < stored >> 192) revert OldRound(uint64(stored >> 192));
            revert OtherValue();
        } else if (word == 0) {
            revert NoAnswer();
        }
    }

    function _value(uint256 word) private pure returns (int256 value) {
        assembly ("memory-safe") {
            value := signextend(23, word)
        }
    }

    function _fresh(uint256 word, uint64 maxAge) private view {
        if ((word >> 192) + uint256(maxAge) * 1000 < block.timestamp * 1000) revert StaleRound(uint64(word >> 192));
    }

    /// The word of the update that is the first of two arguments, once it is proved, and the second one. ABI would allow other
    /// offsets and paddings; this does not.
    function _unpack() private view returns (uint256 word, uint64 argument) {
        uint256 size;
        bool strict;
        assembly ("memory-safe") {
            size := calldataload(68)
            let over := and(size, 31)
            strict := and(
                and(eq(calldataload(4), 64), eq(calldatasize(), add(100, and(add(size, 31), not(31))))),
                and(
                    or(iszero(over), iszero(shl(shl(3, over), calldataload(sub(add(100, size), over))))),
                    iszero(or(shr(64, calldataload(36)), shr(16, size)))
                )
            )
            argument := calldataload(36)
            word := calldataload(100)
        }
        if (!strict || size < 32) revert BadEncoding();
        _check(word, 132, size - 32);
    }

    /// Reverts unless the quorum signed this word for this feed, and not from the future.
    function _check(uint256 word, uint256 start, uint256 size) private view {
        unchecked {
            bool early = word >> 192 > (block.timestamp + 15) * 1000;
            assembly ("memory-safe") {
                early := or(early, gt(callvalue(), 0)) // one jump for both
            }
            if (early) revert FutureRound(uint64(word >> 192));
        }
        bytes32 kind = keccak256("Report(bytes32 feed,uint64 round,int192 value)");
        bytes32 subject = _subject();
        bytes32 domain = _domain();
        bytes32 digest;
        assembly ("memory-safe") {
            mstore(FREE, kind)
            mstore(add(FREE, 0x20), subject)
            mstore(add(FREE, 0x40), shr(192, word))
            mstore(add(FREE, 0x60), signextend(23, word))
            let structHash := keccak256(FREE, 0x80)
            mstore(FREE, 0x1901)
            mstore(add(FREE, 0x20), domain)
            mstore(add(FREE, 0x40), structHash)
            digest := keccak256(add(FREE, 0x1e), 0x42)
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
