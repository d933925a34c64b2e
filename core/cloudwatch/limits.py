"""CloudWatch's limits, each with the page that states it."""

from datetime import timedelta

MAX_REQUEST = 1_048_576  # PutMetricData: bytes of a request, before it is compressed
MAX_DATUMS = 1_000  # PutMetricData
MAX_VALUES = 150  # PutMetricData: unique values in one datum's Values
MAX_DIMENSIONS = 30  # MetricDatum
MAX_DIMENSION_NAME = 255  # Dimension
MAX_DIMENSION_VALUE = 1_024  # Dimension
MAX_NAME = 255  # MetricDatum, PutMetricAlarm: namespace, metric name, alarm name
MAX_MAGNITUDE = 2.0**360  # MetricDatum
OLDEST_DATUM = timedelta(weeks=2)  # PutMetricData
NEWEST_DATUM = timedelta(hours=2)  # PutMetricData
STORAGE_RESOLUTIONS = (1, 60)  # MetricDatum

MAX_QUERIES = 500  # GetMetricData
MAX_DATAPOINTS = 100_800  # GetMetricData: MaxDatapoints
MAX_STATISTICS_DATAPOINTS = 1_440  # GetMetricStatistics
MAX_LISTED_METRICS = 500  # ListMetrics: one page
LISTED_FOR = timedelta(weeks=2)  # ListMetrics
RECENTLY_ACTIVE = timedelta(hours=3)  # ListMetrics: RecentlyActive=PT3H
MAX_EXPRESSION = 2_048  # MetricDataQuery
KEPT_FOR = (  # GetMetricData: how old data may be to be asked for by periods as short as so many seconds
    (timedelta(hours=3), 1),
    (timedelta(days=15), 60),
    (timedelta(days=63), 300),
    (timedelta(days=455), 3_600),
)
MAX_SEARCHED = 500  # User Guide, search expression syntax: time series on one graph
MAX_STATISTICS = 5  # GetMetricStatistics: Statistics
MAX_EXTENDED_STATISTICS = 10  # GetMetricStatistics: ExtendedStatistics

MAX_ALARM_METRICS = 10  # User Guide, alarm-limits
MAX_ACTIONS = 5  # PutMetricAlarm
MAX_ACTION_ARN = 1_024  # PutMetricAlarm
MAX_ARN = 1_600  # AlarmArn, ActionsSuppressor
MAX_ALARM_DESCRIPTION = 1_024  # PutMetricAlarm
MAX_TAGS = 50  # TagResource
MAX_TAG_KEY = 128  # Tag
MAX_TAG_VALUE = 256  # Tag
MAX_WARM_UP_MINUTES = 2_880  # WarmUpConfiguration
SUB_MINUTE_PERIODS = (10, 20, 30)  # PutMetricAlarm
QUERY_SUB_MINUTE_PERIODS = (1, 5, 10, 20, 30)  # GetMetricData
MAX_EVALUATED = timedelta(days=1)  # PutMetricAlarm: EvaluationPeriods x Period below one hour
MAX_EVALUATED_LONG_PERIOD = timedelta(days=7)  # PutMetricAlarm: EvaluationPeriods x Period from one hour up
MAX_ALARM_NAMES = 100  # DescribeAlarms, DeleteAlarms
MAX_ALARM_RECORDS = 100  # DescribeAlarms, DescribeAlarmHistory
DEFAULT_ALARM_RECORDS = 50  # DescribeAlarms
MAX_STATE_REASON = 1_023  # SetAlarmState
MAX_STATE_REASON_DATA = 4_000  # SetAlarmState
HISTORY_KEPT = timedelta(days=30)  # DescribeAlarmHistory
MAX_HISTORY_SUMMARY = 255  # AlarmHistoryItem
MAX_HISTORY_DATA = 4_095  # AlarmHistoryItem

MAX_SERIES = 500  # Metrics Insights quotas, PromQL limits: time series returned
MAX_MATCHED_METRICS = 10_000  # Metrics Insights quotas: metrics that one query processes
INSIGHTS_RANGE = timedelta(hours=3)  # Metrics Insights quotas: data that an alarm evaluates
INSIGHTS_PERIOD = 60  # Metrics Insights quotas: the finest granularity, in seconds
MAX_INSIGHTS_ALARMS = 200  # Metrics Insights quotas: alarms a Region
MAX_CONTRIBUTORS = 100  # User Guide, alarm-limits: contributors in ALARM
MAX_PROMQL = 10_000  # AlarmPromQLCriteria: characters of Query
MAX_PROMQL_PERIOD = 86_400  # AlarmPromQLCriteria: PendingPeriod and RecoveryPeriod, in seconds
EVALUATION_INTERVALS = (10, 20, 30)  # PutMetricAlarm: EvaluationInterval below a minute
MAX_EVALUATION_INTERVAL = 3_600  # PutMetricAlarm: EvaluationInterval

MAX_RULE = 10_240  # PutCompositeAlarm: characters of AlarmRule
MAX_RULE_CHILDREN = 100  # PutCompositeAlarm
MAX_RULE_ELEMENTS = 500  # PutCompositeAlarm: TRUE, FALSE and state functions
MAX_PARENTS = 150  # PutCompositeAlarm: composites that name one alarm

MAX_MUTED_ALARMS = 100  # PutAlarmMuteRule
MAX_MUTE_RULES = 2_000  # CloudWatch service quotas: alarm mute rules a Region
MIN_MUTE = timedelta(minutes=1)  # PutAlarmMuteRule: Duration
MAX_MUTE = timedelta(days=15)  # PutAlarmMuteRule: Duration
WALL_CLOCK_PERIODS = (60, 300, 3_600, 86_400, 604_800)  # User Guide, alarm-evaluation-window
MAX_PROPAGATED_KEYS = 50  # AlarmTagsPropagation: IncludedTagKeys, ExcludedTagKeys

TRAINED_ON = timedelta(weeks=2)  # User Guide, CloudWatch anomaly detection
MAX_EXCLUDED_RANGES = 10  # AnomalyDetectorConfiguration
MAX_DETECTORS = 500  # CloudWatch service quotas: anomaly detection models a Region
MAX_BAND_PERIOD = 3_600  # User Guide, using-metric-math: ANOMALY_DETECTION_BAND
MAX_LISTED_DETECTORS = 100  # DescribeAnomalyDetectors

MAX_WIDGETS = 500  # Dashboard Body Structure and Syntax
MAX_WIDGET_METRICS = 500  # Dashboard Body Structure and Syntax
MAX_VARIABLES = 25  # Dashboard Body Structure and Syntax
MAX_WIDGET_ALARMS = 100  # Dashboard Body Structure and Syntax: alarm widget
DASHBOARD_COLUMNS = 24  # Dashboard Body Structure and Syntax
MAX_WIDGET_HEIGHT = 1_000  # Dashboard Body Structure and Syntax
MAX_DASHBOARD_NAMES = 100  # DeleteDashboards
MAX_LISTED_DASHBOARDS = 1_000  # ListDashboards: one page

_SIZES = (
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
)
UNITS = frozenset(  # MetricDatum: StandardUnit
    {"Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second", "None"}
    | set(_SIZES)
    | {f"{size}/Second" for size in _SIZES}
)
