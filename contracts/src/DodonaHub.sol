// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISigned} from "./IDodonaFeed.sol";
import {Quorum} from "./Quorum.sol";
import {Typed} from "./Typed.sol";

/// A quorum's key: k and members (scheme 1, ecdsa), or px and parity (scheme 2, frost). The other fields are zero.
struct Key {
    uint8 scheme;
    uint8 k;
    address[] members;
    uint256 px;
    uint8 parity;
}

/// Many feeds of one network under one signature a round, with a quorum that can hand over to its successor, and with no owner,
/// no pause and no upgrade.
///
/// A batch is words ‖ page ‖ proof, sent as the whole calldata. Word 0 is round uint64 and three int64, every other word four. It
/// is taken iff the page's round < round ≤ (block.timestamp + 15) · 1000 and the quorum signed it for the page's layout.
contract DodonaHub is ISigned {
    /// The page's round is not below the batch's.
    error OldRound(uint64 stored);
    /// The answer is older than the reader allows.
    error StaleRound(uint64 round);
    /// Nobody opened this page, or it has no such place.
    error NoPlace();
    /// The feed had no answer in the last batch, or there was no batch.
    error NoAnswer();
    /// A rotation of this epoch is stored already, or another epoch is next.
    error BadEpoch(uint64 current);
    /// The notice is not over, or nothing is stored.
    error NotYet(uint64 from);

    /// Somebody opened a page for these feeds, in this order.
    event Opened(uint32 indexed page, bytes32 indexed order, bytes32[] feeds);
    /// The quorum signed a successor; it speaks once somebody calls activate, not before the given second.
    event Rotated(uint64 indexed epoch, bytes32 indexed quorum, uint64 activateFrom);
    /// The successor speaks.
    event Activated(uint64 indexed epoch, bytes32 indexed quorum);

    /// How long everybody sees a successor before it speaks.
    uint256 public constant NOTICE = 2 days;

    bytes32 private immutable NETWORK;
    bytes32 private immutable DOMAIN;

    // scheme (8 bits, lowest) ‖ k or parity (8) ‖ n (8) ‖ epoch (64) ‖ where the members are (160)
    uint256 private _key;
    uint256 private _px;
    uint256 private _nextKey;
    uint256 private _nextPx;
    uint256 private _nextFrom; // seconds; 0: nothing is stored
    bytes32 private _quorum;
    bytes32 private _nextQuorum;
    uint256 private _pages;

    // A page's layout is in slot (number + 1) << 32, its words in the slots behind.

    constructor(bytes32 network_, Key memory first) {
        NETWORK = network_;
        DOMAIN = Typed.domain(network_);
        (_key, _px, _quorum) = _keep(first, 0);
    }

    /// The batch, as the whole calldata. Anybody may carry it.
    fallback() external {
        uint256 key = _key;
        bytes32 domain = DOMAIN;
        bytes32 kind = keccak256("Batch(bytes32 layout,uint64 round,bytes32 words)");
        uint256 proof = _proofSize(key);
        uint256 base;
        uint256 words;
        uint256 round;
        uint256 first;
        bool strict;
        assembly {
            first := calldataload(0)
            round := shr(192, first)
            let page := shr(224, calldataload(sub(sub(calldatasize(), proof), 4)))
            words := shl(5, and(page, 0xff)) // in bytes
            base := shl(32, add(shr(8, page), 1))
            strict := and(eq(calldatasize(), add(add(words, 4), proof)), gt(words, 0))
        }
        if (!strict) revert BadEncoding();
        bytes32 digest;
        uint256 stored;
        assembly ("memory-safe") {
            let layout := sload(base)
            strict := gt(layout, 0)
            stored := shr(192, sload(add(base, 1)))
            let p := mload(0x40)
            calldatacopy(p, 0, words)
            let hash := keccak256(p, words)
            mstore(p, kind)
            mstore(add(p, 0x20), layout)
            mstore(add(p, 0x40), round)
            mstore(add(p, 0x60), hash)
            let structHash := keccak256(p, 0x80)
            mstore(p, 0x1901)
            mstore(add(p, 0x20), domain)
            mstore(add(p, 0x40), structHash)
            digest := keccak256(add(p, 0x1e), 0x42)
        }
        if (!strict) revert NoPlace();
        if (round <= stored) revert OldRound(uint64(stored));
        unchecked {
            if (round > (block.timestamp + 15) * 1000) revert FutureRound(uint64(round));
            _verify(key, digest, words + 4, proof);
        }
        assembly {
            sstore(add(base, 1), first)
            for { let i := 0x20 } lt(i, words) { i := add(i, 0x20) } { sstore(add(add(base, 1), shr(5, i)), calldataload(i)) }
        }
    }

    /// A new page for these feeds in this order: number << 8 | words of a batch. Anybody may open one; the quorum decides by
    /// signing which are filled.
    function open(bytes32[] calldata feeds) external returns (uint32 page) {
        uint256 count = _pages++;
        if (feeds.length == 0 || feeds.length > 3 + 4 * 254 || count >= 1 << 24) revert NoPlace();
        bytes32 order = keccak256(abi.encodePacked(feeds));
        page = uint32((count << 8) | (1 + feeds.length / 4));
        assembly ("memory-safe") {
            sstore(shl(32, add(count, 1)), order)
        }
        emit Opened(page, order, feeds);
    }

    /// The digest of the feeds of a page: keccak256 of their ids, one behind the other.
    function layoutOf(uint32 page) public view returns (bytes32 order) {
        assembly ("memory-safe") {
            order := sload(shl(32, add(shr(8, page), 1)))
        }
        if (order == 0) revert NoPlace();
    }

    /// The stored answer at a place of a page, whatever its age.
    function latest(uint32 page, uint256 place) public view returns (uint64 round, int64 value) {
        uint256 words = page & 0xff; // 0: no page has such a number
        if (words == 0 || place >= words * 4 - 1) revert NoPlace();
        uint256 first;
        uint256 word;
        assembly ("memory-safe") {
            let base := add(shl(32, add(shr(8, page), 1)), 1)
            first := sload(base)
            word := sload(add(base, shr(2, add(place, 1))))
            value := signextend(7, shr(shl(6, sub(3, and(add(place, 1), 3))), word))
        }
        if (first == 0 || value == type(int64).min) revert NoAnswer();
        round = uint64(first >> 192);
    }

    /// The stored value at a place of a page, if its round is at most maxAge seconds ago.
    function read(uint32 page, uint256 place, uint64 maxAge) external view returns (int64 value) {
        uint64 round;
        (round, value) = latest(page, place);
        if (uint256(round) + uint256(maxAge) * 1000 < block.timestamp * 1000) revert StaleRound(round);
    }

    function network() external view returns (bytes32) {
        return NETWORK;
    }

    function quorum() external view returns (bytes32) {
        return _quorum;
    }

    /// How often the quorum has changed.
    function epoch() public view returns (uint64) {
        return uint64(_key >> 24);
    }

    /// Stores the successor that the quorum signed: Rotate(epoch, digest of key, members, fromRound). Anybody may carry it, once
    /// for an epoch.
    function rotate(uint64 epoch_, bytes32 members, uint64 fromRound, Key calldata key, bytes calldata proof) external {
        if (epoch_ != epoch() + 1 || _nextFrom != 0) revert BadEpoch(epoch());
        bytes32 next;
        (_nextKey, _nextPx, next) = _keep(key, epoch_);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("Rotate(uint64 epoch,bytes32 quorum,bytes32 members,uint64 fromRound)"), epoch_, next, members, fromRound
            )
        );
        uint256 start;
        assembly ("memory-safe") {
            start := proof.offset
        }
        if (proof.length != _proofSize(_key)) revert BadProof();
        _verify(_key, Typed.digest(DOMAIN, structHash), start, proof.length);
        // The old quorum signs no round from fromRound on, so the new one need not speak before.
        uint256 begin = block.timestamp + NOTICE;
        uint256 handover = (uint256(fromRound) + 999) / 1000;
        if (begin < handover) begin = handover;
        (_nextFrom, _nextQuorum) = (begin, next);
        emit Rotated(epoch_, next, uint64(begin));
    }

    /// Lets the stored successor speak once its notice is over. Anybody may call it.
    function activate() external {
        uint256 begin = _nextFrom;
        if (begin == 0 || block.timestamp < begin) revert NotYet(uint64(begin));
        (_key, _px, _quorum) = (_nextKey, _nextPx, _nextQuorum);
        (_nextKey, _nextPx, _nextQuorum, _nextFrom) = (0, 0, 0, 0);
        emit Activated(epoch(), _quorum);
    }

    function _proofSize(uint256 key) private pure returns (uint256) {
        unchecked {
            return key & 0xff == 2 ? 52 : 65 * ((key >> 8) & 0xff);
        }
    }

    /// Checks a key and returns how it is stored, and its digest.
    function _keep(Key memory key, uint64 epoch_) private returns (uint256 packed, uint256 px, bytes32 digest) {
        if (key.scheme == 2) {
            if (key.k != 0 || key.members.length != 0) revert Quorum.BadKey();
            Quorum.checkKey(key.px, key.parity);
            return ((uint256(epoch_) << 24) | (uint256(key.parity) << 8) | 2, key.px, Quorum.digestOf(key.px, key.parity));
        }
        if (key.scheme != 1 || key.px != 0 || key.parity != 0) revert Quorum.BadKey();
        Quorum.checkMembers(key.k, key.members);
        packed = (uint256(uint160(Quorum.table(key.members))) << 88) | (uint256(epoch_) << 24);
        return (packed | (key.members.length << 16) | (uint256(key.k) << 8) | 1, 0, Quorum.digestOf(key.k, key.members));
    }

    function _verify(uint256 key, bytes32 digest, uint256 start, uint256 size) private view {
        bool ok;
        uint256 p;
        assembly ("memory-safe") {
            p := mload(0x40)
        }
        if (key & 0xff == 2) {
            ok = Quorum.schnorr(p, _px, (key >> 8) & 0xff, digest, start, size);
        } else {
            uint256 n = (key >> 16) & 0xff;
            address where = address(uint160(key >> 88));
            uint256 members;
            assembly ("memory-safe") {
                members := add(p, 0x80) // behind what ecdsa uses
                extcodecopy(where, members, 1, mul(20, n))
            }
            ok = Quorum.ecdsa(p, members, n, (key >> 8) & 0xff, digest, start, size);
        }
        if (!ok) revert BadProof();
    }
}
