// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// As a consumer declares it that never heard of Dodona.
interface AggregatorV3Like {
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}

/// What consumers of price feeds do: ask, check that the answer is complete and fresh, use it.
contract Consumer {
    AggregatorV3Like private immutable FEED;

    constructor(AggregatorV3Like feed) {
        FEED = feed;
    }

    function price() external view returns (int256) {
        (uint80 id, int256 answer,, uint256 updatedAt, uint80 answeredIn) = FEED.latestRoundData();
        require(updatedAt != 0 && answeredIn >= id, "incomplete");
        require(block.timestamp - updatedAt <= 1 hours, "stale");
        return answer;
    }
}
