// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AnchorErrors, IDodonaAnchor} from "./IDodonaAnchor.sol";
import {ISigned} from "./IDodonaFeed.sol";
import {FREE, MembersInCode, SchnorrInCode, Speaker} from "./KeyInCode.sol";

/// What both variants share; they differ in the proof. A post emits one anonymous event without topics, whose data is the whole
/// root: so the contract's logs still hold an anchor when the ring has gone round. As in Feed, there is a fallback only.
abstract contract Anchors is Speaker, AnchorErrors {
    uint256 private constant SLOTS = 4096;

    uint256[SLOTS] private _ring; // (to / period) mod 4096: to uint64 ‖ the first 192 bits of the root

    /// A post, as the whole calldata, or a call of IDodonaAnchor. Anybody may carry a post.
    fallback() external payable {
        uint256 to;
        assembly {
            to := shr(192, calldataload(0))
        }
        if (to >> 48 != 0) _answer();
        uint256 every = uint256(_subject());
        uint256 place;
        uint256 stored;
        bool bad;
        assembly {
            place := and(div(to, every), sub(SLOTS, 1)) // the ring begins at slot 0
            stored := shr(192, sload(place))
            // One jump for every reason; _refuse finds which it was. Neither periods nor count may be zero.
            bad := or(or(mod(to, every), callvalue()), or(iszero(gt(to, stored)), gt(to, mul(add(timestamp(), 15), 1000))))
            bad := or(bad, iszero(mul(shr(240, calldataload(8)), shr(224, calldataload(10)))))
        }
        if (bad) _refuse(to, stored);
        bytes32 kind = keccak256("Anchor(bytes32 root,bytes32 previous,uint64 from,uint64 to,uint64 count)");
        bytes32 domain = _domain();
        bytes32 digest;
        uint256 size;
        uint256 root;
        assembly ("memory-safe") {
            mstore(FREE, kind)
            calldatacopy(add(FREE, 0x20), 14, 0x40) // root, previous
            mstore(add(FREE, 0x60), sub(to, mul(shr(240, calldataload(8)), every)))
            mstore(add(FREE, 0x80), to)
            mstore(add(FREE, 0xa0), shr(224, calldataload(10)))
            root := calldataload(14)
            let structHash := keccak256(FREE, 0xc0)
            mstore(FREE, 0x1901)
            mstore(add(FREE, 0x20), domain)
            mstore(add(FREE, 0x40), structHash)
            digest := keccak256(add(FREE, 0x1e), 0x42)
            size := sub(calldatasize(), 78) // below 78 bytes this is huge, and no proof's size
        }
        _verify(digest, 78, size);
        assembly {
            sstore(place, or(shl(192, to), shr(64, root)))
            mstore(0, root)
            log0(0, 0x20)
            stop()
        }
    }

    /// Reverts with the reason why a post is refused.
    function _refuse(uint256 to, uint256 stored) private view {
        if (to <= stored) revert OldRound(uint64(stored));
        if (to > (block.timestamp + 15) * 1000) revert FutureRound(uint64(to));
        revert BadWindow();
    }

    /// Answers a call of a function of IDodonaAnchor, and does not return.
    function _answer() private view {
        bytes4 f = msg.sig;
        if (msg.data.length < 4 || msg.value != 0) revert BadEncoding();
        if (f == IDodonaAnchor.verify.selector) _verifyLeaf();
        if (f == IDodonaAnchor.rootOf.selector) _return(_root(abi.decode(msg.data[4:], (uint64))) << 64);
        if (f == IDodonaAnchor.period.selector) _return(uint256(_subject()));
        if (f == ISigned.network.selector) _return(uint256(_network()));
        if (f == ISigned.quorum.selector) _return(uint256(_quorum()));
        revert BadEncoding();
    }

    /// verify(uint64 to, Leaf leaf, bytes32[] path): to at 4, the leaf at 36, the path's offset at 196, its length at 228.
    /// No other encoding is taken.
    function _verifyLeaf() private view {
        uint256 to;
        uint256 computed;
        bool strict;
        assembly ("memory-safe") {
            to := calldataload(4)
            let n := calldataload(228)
            strict := and(
                and(iszero(shr(64, to)), eq(calldataload(196), 0xe0)),
                and(lt(n, 256), eq(calldatasize(), add(260, shl(5, n))))
            )
            // OpenZeppelin's StandardMerkleTree: leaves are hashed twice, pairs sorted.
            let p := mload(0x40)
            calldatacopy(p, 36, 0xa0)
            mstore(0, keccak256(p, 0xa0))
            let h := keccak256(0, 0x20)
            for { let i := 260 } lt(i, calldatasize()) { i := add(i, 0x20) } {
                let sibling := calldataload(i)
                let left := shl(5, gt(h, sibling)) // where h goes: the smaller one is first
                mstore(left, h)
                mstore(xor(left, 0x20), sibling)
                h := keccak256(0, 0x40)
            }
            computed := shr(64, h)
        }
        if (!strict) revert BadEncoding();
        uint256 root = _root(uint64(to));
        _return(computed == root ? 1 : 0);
    }

    function _root(uint64 to) private view returns (uint256) {
        unchecked {
            uint256 word = _ring[(to / uint256(_subject())) % SLOTS];
            if (to == 0 || word >> 192 != to) revert NotAnchored();
            return word & type(uint192).max;
        }
    }
}

/// Anchors of a network whose quorum signs with one group key (scheme frost). subject = period in milliseconds.
contract DodonaAnchor is Anchors, SchnorrInCode {
    constructor(bytes32 network_, uint256 period_, uint256 px, uint8 parity) SchnorrInCode(network_, bytes32(period_), px, parity) {
        if (period_ == 0 || period_ > type(uint64).max) revert BadWindow();
    }
}

/// The program of DodonaAnchorEcdsa, without its members.
contract AnchorEcdsaProgram is Anchors, MembersInCode {}

/// Anchors of a network whose quorum signs k of n (scheme ecdsa). Its members never change.
contract DodonaAnchorEcdsa is Anchors, MembersInCode {
    constructor(bytes32 network_, uint256 period_, uint8 k, address[] memory members) {
        if (period_ == 0 || period_ > type(uint64).max) revert BadWindow();
        _deploy(type(AnchorEcdsaProgram).runtimeCode, network_, bytes32(period_), k, members);
    }
}
