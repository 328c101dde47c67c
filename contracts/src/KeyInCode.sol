// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISigned} from "./IDodonaFeed.sol";
import {Quorum} from "./Quorum.sol";
import {Typed} from "./Typed.sol";

/// Who may speak for a network. What is signed is about one subject: a feed, or a period.
abstract contract Speaker is ISigned {
    function _subject() internal view virtual returns (bytes32);

    function _domain() internal view virtual returns (bytes32);

    /// Reverts unless size bytes of calldata at the given place prove that the quorum signed digest.
    function _verify(bytes32 digest, uint256 start, uint256 size) internal view virtual;
}

/// A group key (FROST, or a single party's), fixed in the code. Resharing keeps it.
abstract contract SchnorrInCode is Speaker {
    bytes32 private immutable NETWORK;
    bytes32 private immutable DOMAIN;
    bytes32 private immutable SUBJECT;
    uint256 private immutable PX;
    uint256 private immutable PARITY;

    constructor(bytes32 network_, bytes32 subject, uint256 px, uint8 parity) {
        Quorum.checkKey(px, parity);
        NETWORK = network_;
        DOMAIN = Typed.domain(network_);
        SUBJECT = subject;
        PX = px;
        PARITY = parity;
    }

    function network() external view override returns (bytes32) {
        return NETWORK;
    }

    function quorum() external view override returns (bytes32) {
        return Quorum.digestOf(PX, uint8(PARITY));
    }

    function _subject() internal view override returns (bytes32) {
        return SUBJECT;
    }

    function _domain() internal view override returns (bytes32) {
        return DOMAIN;
    }

    function _verify(bytes32 digest, uint256 start, uint256 size) internal view override {
        if (!Quorum.schnorr(PX, PARITY, digest, start, size)) revert BadProof();
    }
}

/// Members and k, fixed in the code behind the program: a member costs 20 bytes there, and no SLOAD when it signs.
///
/// The code ends with member n−1 ‖ … ‖ member 0 ‖ network ‖ quorum ‖ subject ‖ domain ‖ k ‖ n.
abstract contract MembersInCode is Speaker {
    function network() external pure override returns (bytes32) {
        return _word(130);
    }

    function quorum() external pure override returns (bytes32) {
        return _word(98);
    }

    function _subject() internal pure override returns (bytes32) {
        return _word(66);
    }

    function _domain() internal pure override returns (bytes32) {
        return _word(34);
    }

    /// The word that begins so many bytes before the end of the code.
    function _word(uint256 back) private pure returns (bytes32 w) {
        assembly ("memory-safe") {
            codecopy(0, sub(codesize(), back), 0x20)
            w := mload(0)
        }
    }

    function _verify(bytes32 digest, uint256 start, uint256 size) internal view override {
        bool ok;
        uint256 half = Quorum.HALF_Q;
        assembly ("memory-safe") {
            let p := mload(0x40)
            codecopy(0, sub(codesize(), 32), 32)
            let kn := mload(0)
            let end := add(start, size)
            ok := eq(size, mul(65, and(shr(8, kn), 0xff)))
            let n := and(kn, 0xff)
            let members := sub(codesize(), 150) // where member 0 is
            mstore(p, digest)
            let next := 0 // the least index that may come
            for {} lt(start, end) { start := add(start, 65) } {
                let index := byte(0, calldataload(start))
                let vs := calldataload(add(start, 33))
                let s := and(vs, 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff)
                mstore(add(p, 0x20), add(27, shr(255, vs)))
                mstore(add(p, 0x40), calldataload(add(start, 1)))
                mstore(add(p, 0x60), s)
                codecopy(0, sub(members, mul(20, index)), 20)
                let member := shr(96, mload(0))
                // r = 0, r ≥ Q, s = 0 and points that are none: the precompile returns nothing.
                pop(staticcall(gas(), 1, p, 0x80, 0, 0x20))
                if iszero(
                    and(
                        and(eq(mload(0), member), eq(returndatasize(), 0x20)),
                        and(lt(sub(index, next), sub(n, next)), iszero(gt(s, half)))
                    )
                ) {
                    ok := 0
                    break
                }
                next := add(index, 1)
            }
        }
        if (!ok) revert BadProof();
    }

    /// Ends a constructor: returns the given program with the members behind it as the contract's code.
    function _deploy(bytes memory program, bytes32 network_, bytes32 subject, uint8 k, address[] memory members) internal pure {
        Quorum.checkMembers(k, members);
        bytes memory table;
        for (uint256 i = members.length; i > 0; --i) {
            table = abi.encodePacked(table, members[i - 1]);
        }
        bytes memory code = abi.encodePacked(
            program, table, network_, Quorum.digestOf(k, members), subject, Typed.domain(network_), k, uint8(members.length)
        );
        assembly {
            return(add(code, 0x20), mload(code))
        }
    }
}
