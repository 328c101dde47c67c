// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDodonaFeed} from "./IDodonaFeed.sol";

/// The interface that most consumers of price feeds are written against.
interface AggregatorV3Interface {
    function decimals() external view returns (uint8);
    function description() external view returns (string memory);
    function version() external view returns (uint256);
    function getRoundData(uint80 roundId)
        external
        view
        returns (uint80 id, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
    function latestRoundData()
        external
        view
        returns (uint80 id, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}

/// The interface before it, which some consumers still call.
interface AggregatorInterface {
    function latestAnswer() external view returns (int256);
    function latestTimestamp() external view returns (uint256);
    function latestRound() external view returns (uint256);
    function getAnswer(uint256 roundId) external view returns (int256);
    function getTimestamp(uint256 roundId) external view returns (uint256);
}

/// A Dodona feed as AggregatorV3Interface and AggregatorInterface show one. Its differences from other aggregators:
///
/// - roundId is the round, Unix milliseconds: it rises, but not by one. There are no phases.
/// - startedAt and updatedAt are the instant the answer speaks for, in seconds, and never after the block's.
/// - The stored round is the only one known; for any other one, and before the first, every function reverts with "No data present". Other
///   aggregators return 0 from those of AggregatorInterface then, which a consumer takes for a price.
/// - There are no events: AnswerUpdated and NewRound are not emitted, for nobody calls the adapter when an answer comes.
contract AggregatorV3Adapter is AggregatorV3Interface, AggregatorInterface {
    /// The feed's id is not that of these words.
    error OtherFeed(bytes32 feed);

    IDodonaFeed public immutable feed;
    uint8 public immutable decimals;
    string public description;
    uint256 public constant version = 1;

    /// The words are the feed's identity; decimals cannot differ from those that its quorum signs for. description is its name.
    constructor(IDodonaFeed feed_, string memory name, string memory unit, uint8 decimals_) {
        // keccak256(abi.encode(string[])) of no labels.
        bytes32 labels = keccak256(abi.encode(new string[](0)));
        bytes32 id = keccak256(abi.encode(name, "number", unit, decimals_, labels));
        if (feed_.feed() != id) revert OtherFeed(feed_.feed());
        (feed, decimals, description) = (feed_, decimals_, name);
    }

    function latestRoundData() public view returns (uint80, int256, uint256, uint256, uint80) {
        try feed.latest() returns (uint64 round, int192 value) {
            uint256 second = round / 1000;
            if (second > block.timestamp) second = block.timestamp;
            return (round, value, second, second, round);
        } catch {
            revert("No data present");
        }
    }

    function getRoundData(uint80 roundId)
        external
        view
        returns (uint80 id, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        (id, answer, startedAt, updatedAt, answeredInRound) = latestRoundData();
        require(id == roundId, "No data present");
    }

    function latestAnswer() external view returns (int256 answer) {
        (, answer,,,) = latestRoundData();
    }

    /// In seconds.
    function latestTimestamp() external view returns (uint256 updatedAt) {
        (,,, updatedAt,) = latestRoundData();
    }

    function latestRound() external view returns (uint256 id) {
        (id,,,,) = latestRoundData();
    }

    function getAnswer(uint256 roundId) external view returns (int256 answer) {
        uint256 id;
        (id, answer,,,) = latestRoundData();
        require(id == roundId, "No data present");
    }

    /// In seconds.
    function getTimestamp(uint256 roundId) external view returns (uint256 updatedAt) {
        uint256 id;
        (id,,, updatedAt,) = latestRoundData();
        require(id == roundId, "No data present");
    }
}
