{#- Periods: what a day, week, month, quarter and year are. -#}

{% macro grains() %}{{ return(['day', 'week', 'month', 'quarter', 'year']) }}{% endmacro %}

{#- The first business date of the period of `grain` that `day` lies in. Quarters and
    years follow `fiscal_year_start`. -#}
{% macro period_start(grain, day) -%}
{%- set shift = var('fiscal_year_start') - 1 -%}
{%- if grain == 'day' -%}
{{ day }}
{%- elif grain in ('week', 'month') or shift == 0 -%}
cast(date_trunc('{{ grain }}', {{ day }}) as date)
{%- else -%}
{{ add_months(
    "cast(date_trunc('" ~ grain ~ "', " ~ add_months(day, -shift) ~ ") as date)", shift
) }}
{%- endif -%}
{%- endmacro %}

{#- The first business date after the period of `grain` that begins on `start`. -#}
{% macro period_end(grain, start) -%}
{%- if grain == 'day' -%}{{ add_days(start, 1) }}
{%- elif grain == 'week' -%}{{ add_days(start, 7) }}
{%- else -%}{{ add_months(start, {'month': 1, 'quarter': 3, 'year': 12}[grain]) }}
{%- endif -%}
{%- endmacro %}

{% macro as_of_date() %}cast('{{ var("as_of_date") }}' as date){% endmacro %}

{#- The first business date that does not count any more. -#}
{% macro day_after_as_of() %}{{ add_days(as_of_date(), 1) }}{% endmacro %}

{#- The instant at which it begins: nothing at or after it exists for this run. -#}
{% macro end_of_as_of() %}{{ start_of(day_after_as_of()) }}{% endmacro %}

{#- Money in the reporting currency: exact until it is cast once at the end. -#}
{% macro money(expression) %}cast({{ expression }} as decimal(38, 12)){% endmacro %}

{#- An amount at a rate, as money. What is in the reporting currency has rate 1 and needs no
    rounding, on which DuckDB would spend more than on all else of a row. -#}
{% macro converted(amount, rate) -%}
case
            when {{ rate }} = 1 then {{ money(amount) }}
            else {{ money(amount ~ ' * ' ~ rate) }}
        end
{%- endmacro %}

{#- The birthday of that age; who was born on 29 February has it on 1 March in the
    years without one. -#}
{% macro birthday(birth_date, age) -%}
{%- set clamped = add_months(birth_date, 12 * age) -%}
case
            when day({{ clamped }}) < day({{ birth_date }}) then {{ add_days(clamped, 1) }}
            else {{ clamped }}
        end
{%- endmacro %}

{#- The first business date at whose beginning something known since `instant` holds. -#}
{% macro in_force_from(instant) -%}
case
                when {{ start_of(business_date(instant)) }} = {{ instant }}
                    then {{ business_date(instant) }}
                else {{ add_days(business_date(instant), 1) }}
            end
{%- endmacro %}

{#- The weekday of a date, 1 is Monday. -#}
{% macro weekday(day) -%}
({{ days_between("cast('0001-01-01' as date)", day) }} % 7 + 1)
{%- endmacro %}
