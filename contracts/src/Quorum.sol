// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The rules for quorums and the two proofs, used by everything that verifies.
library Quorum {
    error BadKey();

    uint256 internal constant Q = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    uint256 internal constant HALF_Q = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// Reverts unless px is the x of a point with px < Q, and parity is that of its y.
    function checkKey(uint256 px, uint8 parity) internal pure {
        // ecrecover finds a point for r = px exactly if there is one, so it tells the xs of points from others.
        if (parity > 1 || px == 0 || px >= Q || ecrecover(0, 27, bytes32(px), bytes32(uint256(1))) == address(0)) revert BadKey();
    }

    /// Reverts unless members are 1 to 128, ascending, not zero, and k is enough and not more than all.
    function checkMembers(uint256 k, address[] memory members) internal pure {
        unchecked {
            uint256 n = members.length;
            if (n == 0 || n > 128 || k > n || k < (n + (n - 1) / 3) / 2 + 1) revert BadKey();
            address last;
            for (uint256 i; i < n; ++i) {
                if (members[i] <= last) revert BadKey();
                last = members[i];
            }
        }
    }

    /// The digest of a group key.
    function digestOf(uint256 px, uint8 parity) internal pure returns (bytes32) {
        return keccak256(abi.encode(uint8(2), px, parity));
    }

    /// The digest of members.
    function digestOf(uint256 k, address[] memory members) internal pure returns (bytes32) {
        return keccak256(abi.encode(uint8(1), k, members));
    }

    /// Whether size bytes of calldata at start are R_e ‖ s with e = keccak256(px ‖ parity ‖ digest ‖ R_e). The
    /// 0x80 bytes of memory at p are overwritten.
    function schnorr(uint256 p, uint256 px, uint256 parity, bytes32 digest, uint256 start, uint256 size)
        internal
        view
        returns (bool ok)
    {
        assembly ("memory-safe") {
            mstore(p, px)
            mstore8(add(p, 0x20), parity)
            mstore(add(p, 0x21), digest)
            mstore(add(p, 0x41), calldataload(start)) // R_e, and more, which is not hashed
            let e := keccak256(p, 0x55)
            let s := calldataload(add(start, 0x14))
            // Recovering from (−s·px, px, −e·px) gives the address of s·G − e·P. e = 0 mod Q makes the last word Q, which the
            // precompile refuses; then, or for any other refusal, it returns nothing.
            mstore(p, sub(Q, mulmod(s, px, Q)))
            mstore(add(p, 0x20), add(27, parity))
            mstore(add(p, 0x40), px)
            mstore(add(p, 0x60), sub(Q, mulmod(e, px, Q)))
            pop(staticcall(gas(), 1, p, 0x80, 0, 0x20))
            let r := shr(96, calldataload(start))
            ok := and(
                and(eq(size, 52), lt(sub(s, 1), sub(Q, 1))), // 0 < s < Q
                and(and(eq(mload(0), r), eq(returndatasize(), 0x20)), gt(r, 0))
            )
        }
    }

    /// Whether size bytes of calldata at start are k × (index ‖ r ‖ yParityAndS), indices ascending, of members: n
    /// addresses of 20 bytes in memory. The 0x80 bytes of memory at p are overwritten.
    function ecdsa(uint256 p, uint256 members, uint256 n, uint256 k, bytes32 digest, uint256 start, uint256 size)
        internal
        view
        returns (bool ok)
    {
        assembly ("memory-safe") {
            let next := 0 // the least index that may come
            ok := eq(size, mul(65, k))
            mstore(p, digest)
            for { let end := mul(ok, add(start, size)) } lt(start, end) { start := add(start, 65) } {
                let index := byte(0, calldataload(start))
                let vs := calldataload(add(start, 33))
                let s := and(vs, 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff)
                mstore(add(p, 0x20), add(27, shr(255, vs)))
                mstore(add(p, 0x40), calldataload(add(start, 1)))
                mstore(add(p, 0x60), s)
                // For r = 0, r ≥ Q, s = 0 and an r of no point the precompile returns nothing.
                pop(staticcall(gas(), 1, p, 0x80, 0, 0x20))
                if iszero(
                    and(
                        and(eq(mload(0), shr(96, mload(add(members, mul(20, index))))), eq(returndatasize(), 0x20)),
                        and(lt(sub(index, next), sub(n, next)), lt(s, add(HALF_Q, 1))) // next ≤ index < n
                    )
                ) {
                    ok := 0
                    break
                }
                next := add(index, 1)
            }
        }
    }

    /// Puts members into the code of a new contract, behind one byte that stops whoever calls it.
    function table(address[] memory members) internal returns (address where) {
        bytes memory code = hex"00";
        for (uint256 i; i < members.length; ++i) {
            code = abi.encodePacked(code, members[i]);
        }
        // Creation code: returns what follows it.
        bytes memory creation = abi.encodePacked(hex"61", uint16(code.length), hex"80600a3d393df3", code);
        assembly ("memory-safe") {
            where := create(0, add(creation, 0x20), mload(creation))
        }
        if (where == address(0)) revert BadKey();
    }
}
