// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SignedErrors} from "./IDodonaFeed.sol";
import {Quorum} from "./Quorum.sol";
import {Typed} from "./Typed.sol";

// Where memory is free. The contracts with their key in the code allocate none before they verify, and what they compute
// with constant places is cheaper.
uint256 constant FREE = 0x80;

/// Who may speak for a network. What is signed is about one subject: a feed, or a period.
abstract contract Speaker is SignedErrors {
    function _network() internal view virtual returns (bytes32);

    function _quorum() internal view virtual returns (bytes32);

    function _subject() internal view virtual returns (bytes32);

    function _domain() internal view virtual returns (bytes32);

    /// Ends the call with one word.
    function _return(uint256 a) internal pure {
        assembly ("memory-safe") {
            mstore(0, a)
            return(0, 0x20)
        }
    }

    /// Ends the call with two words.
    function _return(uint256 a, uint256 b) internal pure {
        assembly ("memory-safe") {
            mstore(0, a)
            mstore(0x20, b)
            return(0, 0x40)
        }
    }

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

    function _network() internal view override returns (bytes32) {
        return NETWORK;
    }

    function _quorum() internal view override returns (bytes32) {
        return Quorum.digestOf(PX, uint8(PARITY));
    }

    function _subject() internal view override returns (bytes32) {
        return SUBJECT;
    }

    function _domain() internal view override returns (bytes32) {
        return DOMAIN;
    }

    function _verify(bytes32 digest, uint256 start, uint256 size) internal view override {
        if (!Quorum.schnorr(FREE, PX, PARITY, digest, start, size)) revert BadProof();
    }
}

/// Members and k, fixed in the code behind the program: a member costs 20 bytes there, and no SLOAD when it signs.
///
/// The code ends with member 0 ‖ … ‖ member n−1 ‖ network ‖ quorum ‖ subject ‖ domain ‖ k ‖ n.
abstract contract MembersInCode is Speaker {
    function _network() internal pure override returns (bytes32) {
        return _word(130);
    }

    function _quorum() internal pure override returns (bytes32) {
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
        uint256 members;
        uint256 n;
        uint256 k;
        assembly ("memory-safe") {
            codecopy(0, sub(codesize(), 0x20), 0x20)
            n := and(mload(0), 0xff)
            k := and(shr(8, mload(0)), 0xff)
            members := add(FREE, 0x80)
            let bytes_ := mul(20, n)
            codecopy(members, sub(codesize(), add(130, bytes_)), bytes_)
        }
        if (!Quorum.ecdsa(FREE, members, n, k, digest, start, size)) revert BadProof();
    }

    /// Ends a constructor: returns the given program with the members behind it as the contract's code.
    function _deploy(bytes memory program, bytes32 network_, bytes32 subject, uint8 k, address[] memory members) internal pure {
        Quorum.checkMembers(k, members);
        bytes memory table;
        for (uint256 i; i < members.length; ++i) {
            table = abi.encodePacked(table, members[i]);
        }
        bytes memory code = abi.encodePacked(
            program, table, network_, Quorum.digestOf(k, members), subject, Typed.domain(network_), k, uint8(members.length)
        );
        assembly {
            return(add(code, 0x20), mload(code))
        }
    }
}
