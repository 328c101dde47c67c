// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// EIP-712 as spec/report.md has it: name Dodona, version 1, salt = network id, no chain id.
library Typed {
    function domain(bytes32 network) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,bytes32 salt)"), keccak256("Dodona"), keccak256("1"), network
            )
        );
    }

    function digest(bytes32 separator, bytes32 structHash) internal pure returns (bytes32 d) {
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, 0x1901)
            mstore(add(p, 0x20), separator)
            mstore(add(p, 0x40), structHash)
            d := keccak256(add(p, 0x1e), 0x42)
        }
    }
}
